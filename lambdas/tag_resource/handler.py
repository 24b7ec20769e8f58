from openrek.operations.tag_resource import tag_resource
from openrek.runtime.functions.handler import serve

handler = serve(tag_resource)
