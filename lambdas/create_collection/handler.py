from openrek.operations.create_collection import create_collection
from openrek.runtime.functions.handler import serve

handler = serve(create_collection)
