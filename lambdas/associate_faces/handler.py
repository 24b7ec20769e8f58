from openrek.operations.associate_faces import associate_faces
from openrek.runtime.functions.handler import serve

handler = serve(associate_faces)
