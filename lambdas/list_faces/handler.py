from openrek.operations.list_faces import list_faces
from openrek.runtime.functions.handler import serve

handler = serve(list_faces)
