from openrek.operations.create_user import create_user
from openrek.runtime.on_lambda import serve

handler = serve(create_user)
