from openrek.operations.detect_faces import detect_faces
from openrek.runtime.on_lambda import serve

handler = serve(detect_faces)
