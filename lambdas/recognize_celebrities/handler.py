from openrek.operations.recognize_celebrities import recognize_celebrities
from openrek.runtime.functions.handler import serve

handler = serve(recognize_celebrities)
