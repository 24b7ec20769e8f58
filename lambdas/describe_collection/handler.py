from openrek.operations.describe_collection import describe_collection
from openrek.runtime.on_lambda import serve

handler = serve(describe_collection)
