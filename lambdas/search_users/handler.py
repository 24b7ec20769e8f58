from openrek.operations.search_users import search_users
from openrek.runtime.functions.handler import serve

handler = serve(search_users)
