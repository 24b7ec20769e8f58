from openrek.operations.delete_user import delete_user
from openrek.runtime.functions.handler import serve

handler = serve(delete_user)
