from openrek.operations.list_tags_for_resource import list_tags_for_resource
from openrek.runtime.on_lambda import serve

handler = serve(list_tags_for_resource)
