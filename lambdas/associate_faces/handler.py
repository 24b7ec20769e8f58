from openrek.operations.associate_faces import associate_faces
from openrek.runtime.on_lambda import serve

handler = serve(associate_faces)
