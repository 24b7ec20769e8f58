"""Celebrities in an archive: one JSON object in UTF-8, user id -> name, urls and gender, as an array of bytes.

Names and addresses differ in length by so much that a column of equal cells would be mostly empty.
"""

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from openrek.domain.celebrities import Celebrity
from openrek.store.users.celebrities import celebrity_attributes, celebrity_in, is_celebrity


def packed_celebrities(celebrities: Mapping[str, Celebrity]) -> NDArray[np.uint8]:
    """Return the array, uint8 [bytes]; empty without celebrities."""
    if not celebrities:
        return np.zeros(0, np.uint8)
    told = {user_id: celebrity_attributes(celebrity) for user_id, celebrity in celebrities.items()}
    return np.frombuffer(json.dumps(told, ensure_ascii=False, sort_keys=True).encode(), np.uint8)


def unpacked_celebrities(packed: NDArray[np.uint8]) -> dict[str, Celebrity]:
    """Return the celebrities by user id. Raises ValueError for anything but what `packed_celebrities` makes."""
    if not len(packed):
        return {}
    try:
        told = json.loads(packed.tobytes().decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(told, dict) or not all(map(is_celebrity, told.values())):
        raise ValueError("no celebrities")
    found = {user_id: celebrity_in(attributes) for user_id, attributes in told.items()}
    return {user_id: celebrity for user_id, celebrity in found.items() if celebrity is not None}
