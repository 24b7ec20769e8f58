from openrek.runtime.functions.router import route
from openrek.runtime.parts.offered import OFFERED

handler = route(OFFERED)
