from openrek.operations.compare_faces import compare_faces
from openrek.runtime.on_lambda import serve

handler = serve(compare_faces)
