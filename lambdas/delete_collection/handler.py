from openrek.operations.delete_collection import delete_collection
from openrek.runtime.on_lambda import serve

handler = serve(delete_collection)
