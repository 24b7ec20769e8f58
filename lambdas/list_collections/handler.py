from openrek.operations.list_collections import list_collections
from openrek.runtime.functions.handler import serve

handler = serve(list_collections)
