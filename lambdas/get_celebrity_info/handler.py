from openrek.operations.get_celebrity_info import get_celebrity_info
from openrek.runtime.functions.handler import serve

handler = serve(get_celebrity_info)
