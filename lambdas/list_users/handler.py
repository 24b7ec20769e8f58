from openrek.operations.list_users import list_users
from openrek.runtime.on_lambda import serve

handler = serve(list_users)
