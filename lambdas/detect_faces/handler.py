from openrek.operations.detect_faces import detect_faces
from openrek.runtime.functions.handler import serve

handler = serve(detect_faces)
