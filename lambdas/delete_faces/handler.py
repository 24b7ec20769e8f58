from openrek.operations.delete_faces import delete_faces
from openrek.runtime.functions.handler import serve

handler = serve(delete_faces)
