from openrek.operations.index_faces import index_faces
from openrek.runtime.on_lambda import serve

handler = serve(index_faces)
