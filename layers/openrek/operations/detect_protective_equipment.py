"""DetectProtectiveEquipment."""

from typing import Final

from openrek.domain.equipment import HAND_COVER
from openrek.domain.errors import ImageTooLarge, InvalidParameter
from openrek.domain.ports import Buckets, Pictures
from openrek.domain.remarks import remarked
from openrek.operations.translation.equipment import person_shape, summary_shape
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.shapes import Request, Response

MODEL_VERSION: Final = "1.0"
MOST_BYTES: Final = 4 * 1024 * 1024
SIDES_PX: Final = (64, 4096)
NO_GLOVES: Final = "Covers of hands are not detected: hands are told, never a HAND_COVER"
INDETERMINATE_FOR_IT: Final = ", and whoever would need one is at best indeterminate"


def detect_protective_equipment(request: Request, *, buckets: Buckets, pictures: Pictures) -> Response:
    """Return the 15 largest persons, parts of their bodies and what covers them; and a summary if it is asked for."""
    asked = request.get("SummarizationAttributes")
    if asked is not None and not asked["RequiredEquipmentTypes"]:
        raise InvalidParameter(reason="RequiredEquipmentTypes is empty: name a type, or leave SummarizationAttributes.")
    image = image_bytes(request["Image"], buckets)
    if len(image) > MOST_BYTES:
        raise ImageTooLarge(reason=f"The image has {len(image)} bytes; {MOST_BYTES} are the most here.")
    persons = pictures.open(image, SIDES_PX).persons()
    response: Response = {
        "ProtectiveEquipmentModelVersion": MODEL_VERSION,
        "Persons": [person_shape(number, person) for number, person in enumerate(persons)],
    }
    remark = NO_GLOVES
    if asked is not None:
        response["Summary"] = summary_shape(persons, asked["MinConfidence"], asked["RequiredEquipmentTypes"])
        remark += INDETERMINATE_FOR_IT if HAND_COVER in asked["RequiredEquipmentTypes"] else ""
    return remarked(response, [f"{remark}."])
