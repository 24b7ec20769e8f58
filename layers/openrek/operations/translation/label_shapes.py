"""Labels and colours as the API's dicts, and the filters of Settings.GeneralLabels."""

from collections.abc import Iterable, Sequence

from openrek.domain.labels import DominantColor, Instance, Label, PicturePart, PictureProperties
from openrek.operations.translation.shapes import Request, Response, box_shape


def filtered(labels: Iterable[Label], settings: Request) -> list[Label]:
    """Return the labels that the filters let pass, in the same order.

    With inclusion filters, a label needs to be named by one of them, or its category does; whatever an exclusion filter
    names goes. Names that are no label or category match nothing.
    """
    names = set(settings.get("LabelInclusionFilters", ()))
    categories = set(settings.get("LabelCategoryInclusionFilters", ()))
    not_names = set(settings.get("LabelExclusionFilters", ()))
    not_categories = set(settings.get("LabelCategoryExclusionFilters", ()))
    return [
        label
        for label in labels
        if (not (names or categories) or label.name in names or label.entry.category in categories)
        and label.name not in not_names
        and label.entry.category not in not_categories
    ]


def label_shape(label: Label, *, colors: bool) -> Response:
    """Return a Label; with `colors`, its instances have DominantColors."""
    return {
        "Name": label.name,
        "Confidence": label.confidence,
        "Instances": [_instance_shape(instance, colors=colors) for instance in label.instances],
        "Parents": [{"Name": name} for name in label.entry.ancestors],
        "Aliases": [{"Name": name} for name in label.entry.aliases],
        "Categories": [{"Name": label.entry.category}],
    }


def properties_shape(properties: PictureProperties) -> Response:
    """Return ImageProperties; a part that has no pixels is left out."""
    quality = properties.quality
    shape: Response = {
        "Quality": {
            "Brightness": quality.brightness,
            "Sharpness": quality.sharpness,
            "Contrast": quality.contrast,
        },
        "DominantColors": _color_shapes(properties.colors),
    }
    parts = (("Foreground", properties.foreground), ("Background", properties.background))
    return shape | {name: _part_shape(part) for name, part in parts if part is not None}


def _instance_shape(instance: Instance, *, colors: bool) -> Response:
    shape: Response = {"BoundingBox": box_shape(instance.box), "Confidence": instance.confidence}
    return shape | ({"DominantColors": _color_shapes(instance.colors)} if colors else {})


def _part_shape(part: PicturePart) -> Response:
    quality = {"Brightness": part.quality.brightness, "Sharpness": part.quality.sharpness}
    return {"Quality": quality, "DominantColors": _color_shapes(part.colors)}


def _color_shapes(colors: Sequence[DominantColor]) -> list[Response]:
    return [
        {
            "Red": color.red,
            "Blue": color.blue,
            "Green": color.green,
            "HexCode": f"#{color.red:02x}{color.green:02x}{color.blue:02x}",
            "CSSColor": color.css_name,
            "SimplifiedColor": color.simplified,
            "PixelPercent": color.pixel_pct,
        }
        for color in colors
    ]
