"""The pixels of a picture as a numpy array, without a copy where possible.

Pillow lends its memory by the Arrow PyCapsule interface, https://arrow.apache.org/docs/format/CDataInterface.html: an
RGB picture is an array of lists of four bytes, a list a pixel. It does so if the rows lie end to end, as they do up to
16 MB (Pillow's largest block).
"""

import ctypes

import numpy as np
from PIL import Image

from openrek.vision.images.arrays import PackedPixels


class _ArrowArray(ctypes.Structure):
    """struct ArrowArray, as far as it is read here."""


_ArrowArray._fields_ = [
    *((name, ctypes.c_int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
]
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class _Lent:
    """Memory for a read-only numpy array; the capsule keeps it alive."""

    def __init__(self, capsule: object, address: int, shape: tuple[int, int]) -> None:
        self._capsule = capsule
        self.__array_interface__ = {"data": (address, True), "shape": shape, "typestr": "<i4", "version": 3}


def packed_pixels(image: Image.Image) -> PackedPixels:
    """Return the pixels [H, W] of an RGB picture, read-only: Pillow's own memory if possible, else a copy."""
    lent = zero_copy_pixels(image)
    if lent is not None:
        return lent
    return np.frombuffer(image.tobytes("raw", "RGBX"), "<i4").reshape(image.height, image.width)


def zero_copy_pixels(image: Image.Image) -> PackedPixels | None:
    """Return the pixels [H, W] of an RGB picture in Pillow's own memory, read-only; the array keeps it alive.

    None if the rows do not lie end to end.
    """
    try:
        capsule = image.__arrow_c_array__()[1]
    except ValueError:
        return None
    pixels = _ArrowArray.from_address(_pointer_of(capsule, b"arrow_array"))
    if pixels.offset != 0 or pixels.length != image.width * image.height:
        return None
    return np.asarray(_Lent(capsule, pixels.children[0].contents.buffers[1], (image.height, image.width)))
