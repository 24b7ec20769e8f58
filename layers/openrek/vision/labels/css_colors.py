"""CSS's named colours, and the plain name of each: a picture's colours are told in these words.

Names and values: CSS Color Module Level 4, "Named Colors", as Pillow has them. Of two names for one value the one that
Rekognition sends is used: grey in compounds ("dimgrey"), "gray" alone. Its twelve plain names are not documented; ours
are the eleven basic colour terms of Berlin and Kay (1969) and cyan.
"""

from functools import cache
from typing import Final

from PIL import ImageColor

_SIMPLIFIED: Final = {
    "black": "black",
    "blue": "aliceblue azure blue cornflowerblue darkblue deepskyblue dodgerblue lightblue lightskyblue lightsteelblue "
    "mediumblue midnightblue navy powderblue royalblue skyblue slateblue steelblue darkslateblue mediumslateblue",
    "brown": "brown chocolate maroon peru rosybrown saddlebrown sandybrown sienna burlywood tan",
    "cyan": "cadetblue cyan darkcyan darkturquoise lightcyan mediumturquoise paleturquoise teal turquoise",
    "green": "aquamarine chartreuse darkgreen darkolivegreen darkseagreen forestgreen green greenyellow lawngreen "
    "lightgreen lightseagreen lime limegreen mediumaquamarine mediumseagreen mediumspringgreen olive olivedrab "
    "palegreen seagreen springgreen yellowgreen honeydew mintcream",
    "grey": "darkgrey darkslategrey dimgrey gainsboro gray lightgrey lightslategrey silver slategrey",
    "orange": "coral darkorange orange orangered tomato darkgoldenrod goldenrod",
    "pink": "deeppink hotpink lightpink pink palevioletred mediumvioletred lightcoral salmon lightsalmon darksalmon "
    "mistyrose lavenderblush peachpuff",
    "purple": "blueviolet darkmagenta darkorchid darkviolet indigo magenta mediumorchid mediumpurple orchid plum "
    "purple rebeccapurple thistle violet lavender",
    "red": "crimson darkred firebrick indianred red",
    "white": "antiquewhite bisque blanchedalmond cornsilk floralwhite ghostwhite ivory linen oldlace papayawhip "
    "seashell snow white whitesmoke",
    "yellow": "beige darkkhaki gold khaki lemonchiffon lightgoldenrodyellow lightyellow moccasin navajowhite "
    "palegoldenrod wheat yellow",
}

SIMPLIFIED: Final = {css: plain for plain, names in _SIMPLIFIED.items() for css in names.split()}
"""CSS's name of a colour -> its plain name."""


@cache
def palette() -> dict[str, tuple[int, int, int]]:
    """Return the 139 colours: name -> red, green, blue, 0..255 each."""
    rgb = {name: ImageColor.getrgb(name) for name in SIMPLIFIED}
    return {name: (red, green, blue) for name, (red, green, blue, *_) in rgb.items()}
