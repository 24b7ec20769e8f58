from openrek.operations.index_faces import index_faces
from openrek.runtime.functions.handler import serve

handler = serve(index_faces)
