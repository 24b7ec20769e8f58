from openrek.operations.detect_protective_equipment import detect_protective_equipment
from openrek.runtime.functions.handler import serve

handler = serve(detect_protective_equipment)
