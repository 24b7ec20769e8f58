from openrek.operations.compare_faces import compare_faces
from openrek.runtime.functions.handler import serve

handler = serve(compare_faces)
