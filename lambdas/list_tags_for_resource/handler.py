from openrek.operations.list_tags_for_resource import list_tags_for_resource
from openrek.runtime.functions.handler import serve

handler = serve(list_tags_for_resource)
