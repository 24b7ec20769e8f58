from openrek.operations.list_faces import list_faces
from openrek.runtime.on_lambda import serve

handler = serve(list_faces)
