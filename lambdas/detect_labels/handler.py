from openrek.operations.detect_labels import detect_labels
from openrek.runtime.functions.handler import serve

handler = serve(detect_labels)
