"""The face packs of SFace (Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss", 2021) with YuNet before it.

The graph normalises its input itself. Face model 7.1 is that of 7.0 without the direction that small children's faces
have in common, of which different children are alike.
"""

from dataclasses import replace
from typing import Final

from openrek.domain.models import SFACE, SFACE_7_1
from openrek.vision.faces.child_direction import child_direction
from openrek.vision.faces.packs import FacePack

NETWORKS: Final = FacePack(SFACE, detector="yunet", embedder="sface", input_name="data", output_name="fc1")
"""The pack without any direction."""


def packs() -> tuple[FacePack, ...]:
    """Return the packs, the newest first. Raises WeightsError if the direction's file is not what it should be."""
    child = child_direction(SFACE.dimensions)
    before = replace(NETWORKS, child_direction=child)
    return replace(before, model=SFACE_7_1, project_out=child), before
