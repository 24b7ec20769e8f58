from openrek.operations.delete_faces import delete_faces
from openrek.runtime.on_lambda import serve

handler = serve(delete_faces)
