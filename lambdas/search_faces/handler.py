from openrek.operations.search_faces import search_faces
from openrek.runtime.on_lambda import serve

handler = serve(search_faces)
