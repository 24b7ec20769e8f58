"""The registry: one row for each operation that openrek offers, and why it does not offer the others.

Lanes, preloading, permissions, logs, the router and docs/COVERAGE.md follow from the rows. A row names its function and
does not import it: a Lambda function that looks up its own row loads no other operation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, TypeAlias

from openrek.domain.users import MOST_FACES_OF_USER
from openrek.operations.translation.attributes import PACK as ATTRIBUTES
from openrek.operations.translation.matching import (
    ASSOCIATION_THRESHOLD_PCT,
    DEFAULT_THRESHOLD_PCT,
    MOST_FACES_IN_PHOTO,
    MOST_MATCHES,
    MOST_MATCHES_PER_FACE,
    MOST_USERS,
)
from openrek.operations.translation.pages import DEFAULT_PAGE_ROWS

OperationFunction: TypeAlias = Callable[..., dict[str, Any]]
"""`operation(request, *, port, ...)`: an API operation and what it needs."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the registry.

    `name` is the API's. `packs` are packs of the manifest of models: an operation that names any infers, so it waits in
    the lane of inferences, and its function loads them while it starts. `packs_on_request` are those that only some
    requests need: a function carries them, and they open when one comes. `touches_collection` is false only for one
    that looks at nothing but what it is sent: a key needs no collection for it. `of_celebrities` is true for one that
    works on the collection of celebrities, which a setting names and no request. `listed` is the list in the answer
    whose length the log has as `logged_as`, and the metrics as `metric`, if that is given. `note` says in
    docs/COVERAGE.md what users of Rekognition should know.
    """

    name: str
    note: str = ""
    packs: tuple[str, ...] = ()
    packs_on_request: tuple[str, ...] = ()
    touches_collection: bool = True
    of_celebrities: bool = False
    listed: str = ""
    logged_as: str = "faces"
    metric: str = ""

    @property
    def infers(self) -> bool:
        return bool(self.packs)

    @property
    def module(self) -> str:
        """Return the name of its function and of all its files: `SearchFacesByImage` -> `search_faces_by_image`."""
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in self.name).lstrip("_")

    def function(self) -> OperationFunction:
        """Import and return its function. Raises ImportError or AttributeError if there is none."""
        found: OperationFunction = getattr(import_module(f"openrek.operations.{self.module}"), self.module)
        return found


def row_of(operation: OperationFunction) -> Operation:
    """Return the row of an operation's function. Raises KeyError if it has none."""
    return OPERATIONS["".join(word.capitalize() for word in operation.__name__.split("_"))]


_PAGES = f"MaxResults is {DEFAULT_PAGE_ROWS} unless given, 0 means the same, 4096 at most"
_SEARCH = f"FaceMatchThreshold {DEFAULT_THRESHOLD_PCT:g} and MaxFaces {MOST_MATCHES} unless given; ties go by FaceId"
_USERS = (
    f"UserMatchThreshold {DEFAULT_THRESHOLD_PCT:g} and MaxUsers {MOST_USERS} unless given; ties in an order of ours"
)
_REPEATED = (
    "The same ClientRequestToken and input get the first result again for 24 hours; tokens are a collection's own"
)
_LOW_QUALITY = "Without a filter, x-openrek-reason tells which faces LOW would have dropped"
_ATTRIBUTES = (
    "A single attribute leaves Landmarks at five and Pose as it is; ALL has thirty, and the Pose of the mesh "
    "([how well each is told](ACCURACY.md#attributes-of-faces))"
)
_TAGS = "Collections only. The ARN is taken with or without its leading `arn:`"

_ROWS: Final = (
    Operation(
        "AssociateFaces",
        note=f"UserMatchThreshold {ASSOCIATION_THRESHOLD_PCT:g} unless given; a user without faces takes any. "
        f"A face that finds the user's {MOST_FACES_OF_USER} places taken has no Reasons (an empty list). UserStatus is "
        f"ACTIVE at once. {_REPEATED}.",
    ),
    Operation(
        "CompareFaces",
        packs=("faces",),
        touches_collection=False,
        listed="FaceMatches",
        note=f"SimilarityThreshold {DEFAULT_THRESHOLD_PCT:g} and QualityFilter NONE unless given. A face that "
        f"the quality filter drops is in neither list. {_LOW_QUALITY}.",
    ),
    Operation("CreateCollection", note="CollectionArn comes without its leading `arn:`, as Rekognition sends it."),
    Operation("CreateUser", note=f"{_REPEATED}."),
    Operation("DeleteCollection"),
    Operation(
        "DeleteFaces",
        listed="DeletedFaces",
        note="Repeated ids count once; both lists are always sent. Deletion is atomic per chunk of a large call.",
    ),
    Operation("DeleteUser", note=f"{_REPEATED}."),
    Operation("DescribeCollection", note="Counts are exact at the time of the call."),
    Operation(
        "DetectFaces",
        packs=("faces",),
        packs_on_request=(ATTRIBUTES,),
        touches_collection=False,
        listed="FaceDetails",
        note=f"{_ATTRIBUTES}.",
    ),
    Operation(
        "DetectLabels",
        packs=("faces", "labels"),
        packs_on_request=(ATTRIBUTES,),
        touches_collection=False,
        listed="Labels",
        logged_as="labels",
        note="1,033 of Rekognition's 3,082 labels can be answered: hardly any landmarks, flags, logos, actions, "
        "dishes, plants or professions. What says age, sex or mood, or what a face wears, is told of the ten largest "
        "faces of 40 px and more, with the boxes of their persons; while the models of the pack attributes are not "
        "there it is left out, and x-openrek-reason says so "
        "([how well](ACCURACY.md#labels)). Our choices: names in filters are exact; a label passes that any inclusion "
        "filter names, by itself or by its category, and that no exclusion filter names; MaxLabels counts what is "
        "left; an instance is told from 50 on, or from MinConfidence on where that is less. A person whose face alone "
        "is seen has a box that is estimated from it. Foreground is what the optional pack `foreground` tells "
        "pixel by pixel; without its file (and in AWS) what lies within the boxes of objects. Background is the rest; "
        "either is left out where it has no pixels. Colours below 5 % of the pixels are left out. Photos of "
        "1,000 px and more are searched for small objects too.",
    ),
    Operation(
        "DetectModerationLabels",
        packs=("moderation",),
        touches_collection=False,
        listed="ModerationLabels",
        logged_as="labels",
        note="A clean answer is no promise: what can be seen are nudity as a whole, swimwear, weapons, alcoholic "
        "beverages, pills and slot machines; nothing else of the taxonomy, ContentTypes is always empty, and never "
        "explicit acts or body parts by name. x-openrek-reason of every answer says so "
        "([how well](ACCURACY.md#moderation)). OPENREK_MODERATION_TAXONOMY=6.1 answers with the older names, two "
        "levels and no ContentTypes. A ProjectVersion or HumanLoopConfig is not found: there are no adapters and no "
        "human reviews. Labels of less than 1 are never told.",
    ),
    Operation(
        "DetectProtectiveEquipment",
        packs=("faces", "equipment"),
        touches_collection=False,
        listed="Persons",
        logged_as="persons",
        note="The 15 largest persons, ids by size, largest first; hands are the person's own left and right. Covers of "
        "hands are not detected: hands are told, never a HAND_COVER, and where one is required a person is "
        "indeterminate (or lacks something else), which x-openrek-reason says; AWS would count all as lacking it. "
        "HEAD_COVER is what ImageNet knows of helmets and hats; hard hats were not measured. A face that YuNet does "
        "not find has no cover ([how well](ACCURACY.md#protective-equipment)). A summary without types is refused.",
    ),
    Operation(
        "DisassociateFaces",
        note=f"A user that lost its last face is CREATED again and found by no search. {_REPEATED}.",
    ),
    Operation(
        "ErasePerson",
        listed="DeletedFaces",
        note="Either UserId (the user and all its faces) or ExternalImageId (all faces of it, and each user that "
        "has no other face). Returns the ids of what was removed.",
    ),
    Operation(
        "GetCelebrityInfo",
        of_celebrities=True,
        note="Of those whom you add (`openrek celebrities add`). KnownGender is Unlisted unless it was given.",
    ),
    Operation(
        "IndexFaces",
        packs=("faces",),
        packs_on_request=(ATTRIBUTES,),
        listed="FaceRecords",
        metric="FacesIndexed",
        note=f"QualityFilter AUTO and MaxFaces {MOST_FACES_IN_PHOTO} unless given: the largest of those that the "
        "filter keeps. The same image with the same ExternalImageId returns the same FaceIds. "
        f"{_ATTRIBUTES}; nothing of them is stored.",
    ),
    Operation(
        "ListCollections",
        note=f"In the order of their ids (of one over 128 characters the first 96 count). {_PAGES}.",
    ),
    Operation(
        "ListFaces",
        listed="Faces",
        note=f"In ascending FaceId order. {_PAGES}. FaceIds that do not exist are left out, and so is a UserId; "
        "with both filters, what is in both is listed.",
    ),
    Operation("ListTagsForResource", note=f"{_TAGS}."),
    Operation("ListUsers", note=f"MaxResults is {MOST_USERS} unless given. In an order of their ids."),
    Operation(
        "PutCelebrityInfo",
        note="Makes a user of a collection a celebrity: its Name, Urls and KnownGender. A user that is missing is "
        "created; Urls and KnownGender stay as they are where the request has none. Faces come from IndexFaces and "
        "AssociateFaces.",
    ),
    Operation(
        "RecognizeCelebrities",
        packs=("faces", ATTRIBUTES),
        of_celebrities=True,
        listed="CelebrityFaces",
        note="Knows whom you add (`openrek celebrities add`), and nobody before: users of one collection, "
        "`celebrities` unless OPENREK_CELEBRITIES names another, which the access key must allow. A match needs "
        "Similarity 90 (OPENREK_CELEBRITY_THRESHOLD), and 99 where the face is a small child's. Without a celebrity "
        f"every face is unrecognized and x-openrek-reason says how to add one. {_LOW_QUALITY}.",
    ),
    Operation(
        "SearchAllFacesByImage",
        packs=("faces",),
        packs_on_request=(ATTRIBUTES,),
        listed="SearchedFaces",
        note="Like SearchFacesByImage and SearchUsersByImage for each face of the photo at once; "
        f"Include is FACES, USERS or both. Thresholds {DEFAULT_THRESHOLD_PCT:g}, MaxFaces and MaxUsers "
        f"{MOST_MATCHES_PER_FACE} a face and QualityFilter NONE unless given. {_LOW_QUALITY}. A photo without a face "
        "is no error. Attributes as for DetectFaces, of the faces that were searched.",
    ),
    Operation(
        "SearchFaces",
        listed="FaceMatches",
        note=f"{_SEARCH}.",
    ),
    Operation(
        "SearchFacesByImage",
        packs=("faces",),
        listed="FaceMatches",
        note=f"{_SEARCH}. QualityFilter NONE unless given; the largest of the faces that it keeps is "
        f"searched. {_LOW_QUALITY}.",
    ),
    Operation(
        "SearchUsers",
        listed="UserMatches",
        note=f"{_USERS}. Needs either UserId or FaceId; both together are refused.",
    ),
    Operation(
        "SearchUsersByImage",
        packs=("faces",),
        listed="UserMatches",
        note=f"{_USERS}. QualityFilter NONE unless given; the largest of the faces that it keeps "
        f"is searched. {_LOW_QUALITY}. Every FaceDetail holds the default attributes.",
    ),
    Operation("TagResource", note=f"{_TAGS}."),
    Operation("UntagResource", note=f"{_TAGS}. Keys that are not there are passed over."),
)

OPERATIONS: Final[Mapping[str, Operation]] = {row.name: row for row in _ROWS}
"""API name -> row."""

TOUCH_NO_COLLECTION: Final = frozenset(row.name for row in _ROWS if not row.touches_collection)


def implied_collections(celebrities: str) -> Mapping[str, str]:
    """Return the operations that work on a collection which no request names, each with its id."""
    return {row.name: celebrities for row in _ROWS if row.of_celebrities}


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NOT_OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "Text is not read from photos so far.": _names("DetectText"),
    "Bulk analysis is not offered.": _names("GetMediaAnalysisJob ListMediaAnalysisJobs StartMediaAnalysisJob"),
    "Face liveness is not offered.": _names("CreateFaceLivenessSession GetFaceLivenessSessionResults"),
    "Stored video is not offered.": _names(
        "GetCelebrityRecognition GetContentModeration GetFaceDetection GetFaceSearch GetLabelDetection "
        "GetPersonTracking GetSegmentDetection GetTextDetection StartCelebrityRecognition StartContentModeration "
        "StartFaceDetection StartFaceSearch StartLabelDetection StartPersonTracking StartSegmentDetection "
        "StartTextDetection"
    ),
    "Streaming video is not offered.": _names(
        "CreateStreamProcessor DeleteStreamProcessor DescribeStreamProcessor ListStreamProcessors "
        "StartStreamProcessor StopStreamProcessor UpdateStreamProcessor"
    ),
    "Custom Labels is not offered.": _names(
        "CopyProjectVersion CreateDataset CreateProject CreateProjectVersion DeleteDataset DeleteProject "
        "DeleteProjectPolicy DeleteProjectVersion DescribeDataset DescribeProjectVersions DescribeProjects "
        "DetectCustomLabels DistributeDatasetEntries ListDatasetEntries ListDatasetLabels ListProjectPolicies "
        "PutProjectPolicy StartProjectVersion StopProjectVersion UpdateDatasetEntries"
    ),
}
"""The reason why operations of the service model are not offered -> their names."""
