from openrek.operations.search_users_by_image import search_users_by_image
from openrek.runtime.functions.handler import serve

handler = serve(search_users_by_image)
