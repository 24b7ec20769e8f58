from openrek.operations.search_faces import search_faces
from openrek.runtime.functions.handler import serve

handler = serve(search_faces)
