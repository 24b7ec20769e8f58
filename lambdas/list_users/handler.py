from openrek.operations.list_users import list_users
from openrek.runtime.functions.handler import serve

handler = serve(list_users)
