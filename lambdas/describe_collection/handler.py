from openrek.operations.describe_collection import describe_collection
from openrek.runtime.functions.handler import serve

handler = serve(describe_collection)
