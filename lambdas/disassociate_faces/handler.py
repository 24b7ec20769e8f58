from openrek.operations.disassociate_faces import disassociate_faces
from openrek.runtime.on_lambda import serve

handler = serve(disassociate_faces)
