from openrek.operations.erase_person import erase_person
from openrek.runtime.functions.handler import serve

handler = serve(erase_person)
