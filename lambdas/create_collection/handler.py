from openrek.operations.create_collection import create_collection
from openrek.runtime.on_lambda import serve

handler = serve(create_collection)
