"""The range of the age that a face shows, around the years that a head makes of faceres and age-v1."""

import math
from typing import Final

from openrek.domain.attributes import AgeRange

NARROWEST_YEARS: Final = 3.5
GROWTH: Final = 0.22
"""A range reaches so many years, and so large a share of the age, to either side."""
OLDEST_YEARS: Final = 100.0


def age_range(years: float) -> AgeRange:
    """Return the range around an age."""
    age = min(max(years, 0.0), OLDEST_YEARS)
    reach = NARROWEST_YEARS + GROWTH * age
    return AgeRange(low=max(0, math.floor(age - reach)), high=math.ceil(age + reach))
