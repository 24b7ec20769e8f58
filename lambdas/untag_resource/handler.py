from openrek.operations.untag_resource import untag_resource
from openrek.runtime.on_lambda import serve

handler = serve(untag_resource)
