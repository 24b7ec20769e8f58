from openrek.operations.delete_user import delete_user
from openrek.runtime.on_lambda import serve

handler = serve(delete_user)
