from openrek.runtime.offered import OFFERED
from openrek.runtime.on_router import route

handler = route(OFFERED)
