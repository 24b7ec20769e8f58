from openrek.operations.tag_resource import tag_resource
from openrek.runtime.on_lambda import serve

handler = serve(tag_resource)
