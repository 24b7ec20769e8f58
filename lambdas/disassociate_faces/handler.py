from openrek.operations.disassociate_faces import disassociate_faces
from openrek.runtime.functions.handler import serve

handler = serve(disassociate_faces)
