from openrek.operations.registry import OPERATIONS
from openrek.runtime.functions.router import route

handler = route(OPERATIONS)
