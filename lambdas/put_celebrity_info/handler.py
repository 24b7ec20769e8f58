from openrek.operations.put_celebrity_info import put_celebrity_info
from openrek.runtime.functions.handler import serve

handler = serve(put_celebrity_info)
