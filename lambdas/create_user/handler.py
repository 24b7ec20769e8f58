from openrek.operations.create_user import create_user
from openrek.runtime.functions.handler import serve

handler = serve(create_user)
