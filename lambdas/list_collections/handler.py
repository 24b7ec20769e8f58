from openrek.operations.list_collections import list_collections
from openrek.runtime.on_lambda import serve

handler = serve(list_collections)
