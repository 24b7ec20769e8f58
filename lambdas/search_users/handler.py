from openrek.operations.search_users import search_users
from openrek.runtime.on_lambda import serve

handler = serve(search_users)
