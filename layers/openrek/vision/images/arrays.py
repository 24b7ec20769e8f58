"""Names for the arrays that the room passes around."""

from typing import TypeAlias

import numpy
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[numpy.float32]
Crop: TypeAlias = NDArray[numpy.uint8]
"""uint8 [112, 112, 3], RGB: an aligned face."""
Words: TypeAlias = NDArray[numpy.int32]
"""A pixel a word: red in the lowest byte, then green, blue and one that means nothing."""
