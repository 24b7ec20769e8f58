"""A folder with one folder for each person, as LFW comes."""

from collections.abc import Sequence
from pathlib import Path

from openrek.runtime.evaluation.sample import BadSample, LabelledPhoto, PeopleSample


def people_in(folder: Path, photos: Sequence[Path]) -> PeopleSample:
    """Return the photos (all of them below `folder`) with the first folder of their path as the person.

    Photos beside the folders of the people are ignored. Raises BadSample unless there are two people.
    """
    labelled = []
    for photo in photos:
        parts = photo.relative_to(folder).parts
        if len(parts) > 1:
            labelled.append(LabelledPhoto(photo, parts[0]))
    sample = PeopleSample(tuple(labelled), ignored=len(photos) - len(labelled))
    if not labelled:
        raise BadSample(
            f"{folder} has no folder with photos (JPEG or PNG) in it: give each person a folder, or name --labels or "
            "--pairs."
        )
    if len(set(sample.people)) < 2:
        raise BadSample(f"{folder} has photos of one person only, {labelled[0].person}; it takes two to measure.")
    return sample
