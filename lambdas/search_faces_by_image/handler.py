from openrek.operations.search_faces_by_image import search_faces_by_image
from openrek.runtime.functions.handler import serve

handler = serve(search_faces_by_image)
