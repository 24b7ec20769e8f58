from openrek.operations.search_all_faces_by_image import search_all_faces_by_image
from openrek.runtime.functions.handler import serve

handler = serve(search_all_faces_by_image)
