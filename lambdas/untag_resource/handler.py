from openrek.operations.untag_resource import untag_resource
from openrek.runtime.functions.handler import serve

handler = serve(untag_resource)
