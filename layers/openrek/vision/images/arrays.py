"""Types of the arrays that vision works on."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Crop: TypeAlias = NDArray[np.uint8]
"""uint8 [112, 112, 3], RGB: an aligned face."""
PackedPixels: TypeAlias = NDArray[np.int32]
"""One pixel an integer: red in the lowest byte, then green, blue and a byte without meaning."""
