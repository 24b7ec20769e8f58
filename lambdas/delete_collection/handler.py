from openrek.operations.delete_collection import delete_collection
from openrek.runtime.functions.handler import serve

handler = serve(delete_collection)
