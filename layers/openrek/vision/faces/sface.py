"""The face packs of SFace (Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss", 2021) with YuNet before it.

The graph normalises its input itself.
"""

from openrek.domain.models import SFACE
from openrek.vision.faces.packs import FacePack


def packs() -> tuple[FacePack, ...]:
    """Return the packs, the newest first."""
    return (FacePack(SFACE, detector="yunet", embedder="sface", input_name="data", output_name="fc1"),)
