"""JPEGs whose end is missing: they are read if all their pixels are there, and refused if any is not.

A cut says nothing of where it fell: libjpeg makes grey of whatever is missing, and only warns. Two things tell. Every
scan that the picture needs must have begun (ITU T.81, annexes B and G: of each component all coefficients, down to the
last bit). And the last scan must have all its data: the file is continued in three ways that differ from the first bit
on, and a picture that is the same each time has used none of them.
"""

import re
from dataclasses import dataclass

_AFTER_DATA = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_SCAN = 0xDA
_BASELINE_FRAMES, _PROGRESSIVE = frozenset({0xC0, 0xC1}), 0xC2
_COEFFICIENTS = 64
_UNSENT = 255
_NOISE_BYTES = 48
"""More than the bits of any one coefficient that may be missing, so that each way is felt."""

_NOISES = (b"\x00", b"\xb6", b"\x5a")
"""What the three ways repeat: their first bits are 0, 1 and 0, and no two of them agree for more than a few bits."""

CONTINUATIONS = len(_NOISES)


@dataclass(slots=True)
class _Progress:
    """`missing`: by component, how many of the low bits of each coefficient have not been sent; 255 for all."""

    progressive: bool
    missing: dict[int, bytearray]


def continuations(file: bytes) -> tuple[bytes, ...]:
    """Return the JPEG continued in CONTINUATIONS ways, each with an end.

    `file` has no end marker and begins with whole segments up to its first scan. Raises ValueError if a scan is
    missing.
    """
    progress, end, data_at = _walked(file)
    if any(any(bits) for bits in progress.missing.values()) or not progress.missing:
        raise ValueError("it ends before its last scan")
    kept = file[:end].rstrip(b"\xff")
    restarts = _RESTART.findall(kept, data_at)
    first = restarts[-1][0] + 1 if restarts else 0
    return tuple(kept + _tail(noise, first) for noise in _NOISES)


def _tail(noise: bytes, first_restart: int) -> bytes:
    """Return noise, again after each of the eight restart markers, and the end of a JPEG.

    Where intervals are missing a decoder looks for a marker, and would put grey for all that has none.
    """
    restarts = (b"\xff" + bytes([0xD0 + (first_restart + step) % 8]) + noise * _NOISE_BYTES for step in range(8))
    return noise * _NOISE_BYTES + b"".join(restarts) + b"\xff\xd9"


def _walked(file: bytes) -> tuple[_Progress, int, int]:
    """Return what the scans have sent, where the data of the last one end, and where they begin."""
    progress = _Progress(False, {})
    at, end, data_at = 2, len(file), len(file)
    while at + 4 <= end:
        marker, length = file[at + 1], int.from_bytes(file[at + 2 : at + 4], "big")
        segment = file[at + 4 : at + 2 + length]
        if at + 2 + length > end:
            return progress, at, data_at
        at += 2 + length
        if marker in _BASELINE_FRAMES or marker == _PROGRESSIVE:
            progress = _frame(segment, marker == _PROGRESSIVE)
        if marker == _SCAN:
            _send(progress, segment)
            data_at = at
        if data_at < end:
            found = _AFTER_DATA.search(file, at)
            if found is None:
                return progress, end, data_at
            at = found.start()
    return progress, at, data_at


def _frame(segment: bytes, progressive: bool) -> _Progress:
    """Read a frame header. Raises IndexError where it is too short."""
    components = (segment[6 + 3 * which] for which in range(segment[5]))
    return _Progress(progressive, {component: bytearray([_UNSENT] * _COEFFICIENTS) for component in components})


def _send(progress: _Progress, segment: bytes) -> None:
    """Note what a scan header announces. Raises ValueError or IndexError where it makes no sense."""
    count = segment[0]
    start, stop, bits = segment[1 + 2 * count : 4 + 2 * count]
    if not progress.progressive:
        start, stop, bits = 0, _COEFFICIENTS - 1, 0
    for which in range(count):
        missing = progress.missing.get(segment[1 + 2 * which])
        if missing is None or start > stop or stop >= _COEFFICIENTS:
            raise ValueError("its scan header makes no sense")
        missing[start : stop + 1] = bytes([bits & 15] * (stop + 1 - start))
