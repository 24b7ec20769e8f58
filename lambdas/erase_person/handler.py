from openrek.operations.erase_person import erase_person
from openrek.runtime.on_lambda import serve

handler = serve(erase_person)
