"""Notes for users of Rekognition on each operation. `docs/COVERAGE.md` is generated from them and the service model.

Keys are API names. An offered operation without a note behaves as Rekognition documents it.
"""

from collections.abc import Mapping
from typing import Final

from openrek.domain.users import MOST_FACES_OF_USER
from openrek.operations.translation.matching import (
    ASSOCIATION_THRESHOLD_PCT,
    DEFAULT_THRESHOLD_PCT,
    MOST_FACES_IN_PHOTO,
    MOST_MATCHES,
    MOST_MATCHES_PER_FACE,
    MOST_USERS,
)
from openrek.operations.translation.pages import DEFAULT_PAGE_ROWS

_PAGES = f"MaxResults is {DEFAULT_PAGE_ROWS} unless given, 0 means the same, 4096 at most"
_SEARCH = f"FaceMatchThreshold {DEFAULT_THRESHOLD_PCT:g} and MaxFaces {MOST_MATCHES} unless given; ties go by FaceId"
_USERS = (
    f"UserMatchThreshold {DEFAULT_THRESHOLD_PCT:g} and MaxUsers {MOST_USERS} unless given; ties in an order of ours"
)
_REPEATED = (
    "The same ClientRequestToken and input get the first result again for 24 hours; tokens are a collection's own"
)
_TAGS = "Collections only. The ARN is taken with or without its leading `arn:`"

_LABELS = (
    "1,008 of Rekognition's 3,082 labels can be answered: hardly any landmarks, flags, logos, actions, dishes, plants "
    "or professions, and of persons none that says age, sex or mood ([how well](ACCURACY.md#labels)). Our choices: "
    "names in filters are exact; a label passes that any inclusion filter names, by itself or by its category, and "
    "that no exclusion filter names; MaxLabels counts what is left; an instance is told from 50 on, or from "
    "MinConfidence on where that is less. A person whose face alone is seen has a box that is estimated from it. "
    "Foreground is what lies within the boxes of objects, Background the rest; either is left out where it has no "
    "pixels. Colours below 5 % of the pixels are left out. Photos of 1,000 px and more are searched for small objects "
    "too."
)

NOTES: Final[Mapping[str, str]] = {
    "AssociateFaces": f"UserMatchThreshold {ASSOCIATION_THRESHOLD_PCT:g} unless given; a user without faces takes any. "
    f"A face that finds the user's {MOST_FACES_OF_USER} places taken has no Reasons (an empty list). UserStatus is "
    f"ACTIVE at once. {_REPEATED}.",
    "CompareFaces": f"SimilarityThreshold {DEFAULT_THRESHOLD_PCT:g} and QualityFilter NONE unless given. A face that "
    "the quality filter drops is in neither list.",
    "CreateCollection": "CollectionArn comes without its leading `arn:`, as Rekognition sends it.",
    "CreateUser": f"{_REPEATED}.",
    "DeleteFaces": "Repeated ids count once; both lists are always sent. Deletion is atomic per chunk of a large call.",
    "DeleteUser": f"{_REPEATED}.",
    "DescribeCollection": "Counts are exact at the time of the call.",
    "DetectFaces": "The default attributes only, whichever are asked for: BoundingBox, Confidence, five Landmarks, "
    "Pose and Quality.",
    "DetectLabels": _LABELS,
    "DisassociateFaces": f"A user that lost its last face is CREATED again and found by no search. {_REPEATED}.",
    "ErasePerson": "Either UserId (the user and all its faces) or ExternalImageId (all faces of it, and each user that "
    "has no other face). Returns the ids of what was removed.",
    "IndexFaces": f"QualityFilter AUTO and MaxFaces {MOST_FACES_IN_PHOTO} unless given: the largest of those that the "
    "filter keeps. FaceDetail holds the default attributes only. The same image with the same ExternalImageId returns "
    "the same FaceIds.",
    "ListCollections": f"In the order of their ids (of one over 128 characters the first 96 count). {_PAGES}.",
    "ListFaces": f"In ascending FaceId order. {_PAGES}. FaceIds that do not exist are left out, and so is a UserId; "
    "with both filters, what is in both is listed.",
    "ListTagsForResource": f"{_TAGS}.",
    "ListUsers": f"MaxResults is {MOST_USERS} unless given. In an order of their ids.",
    "SearchAllFacesByImage": "Like SearchFacesByImage and SearchUsersByImage for each face of the photo at once; "
    f"Include is FACES, USERS or both. Thresholds {DEFAULT_THRESHOLD_PCT:g}, MaxFaces and MaxUsers "
    f"{MOST_MATCHES_PER_FACE} a face and QualityFilter NONE unless given. A photo without a face is no error.",
    "SearchFaces": f"{_SEARCH}.",
    "SearchFacesByImage": f"{_SEARCH}. QualityFilter NONE unless given; the largest of the faces that it keeps is "
    "searched.",
    "SearchUsers": f"{_USERS}. Needs either UserId or FaceId; both together are refused.",
    "SearchUsersByImage": f"{_USERS}. QualityFilter NONE unless given; the largest of the faces that it keeps "
    "is searched. Every FaceDetail holds the default attributes.",
    "TagResource": f"{_TAGS}.",
    "UntagResource": f"{_TAGS}. Keys that are not there are passed over.",
}

NOT_OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "Only faces and labels are read from photos so far.": (
        "DetectModerationLabels",
        "DetectProtectiveEquipment",
        "DetectText",
        "GetCelebrityInfo",
        "RecognizeCelebrities",
    ),
    "Bulk analysis is not offered.": ("GetMediaAnalysisJob", "ListMediaAnalysisJobs", "StartMediaAnalysisJob"),
    "Face liveness is not offered.": ("CreateFaceLivenessSession", "GetFaceLivenessSessionResults"),
    "Stored video is not offered.": (
        "GetCelebrityRecognition",
        "GetContentModeration",
        "GetFaceDetection",
        "GetFaceSearch",
        "GetLabelDetection",
        "GetPersonTracking",
        "GetSegmentDetection",
        "GetTextDetection",
        "StartCelebrityRecognition",
        "StartContentModeration",
        "StartFaceDetection",
        "StartFaceSearch",
        "StartLabelDetection",
        "StartPersonTracking",
        "StartSegmentDetection",
        "StartTextDetection",
    ),
    "Streaming video is not offered.": (
        "CreateStreamProcessor",
        "DeleteStreamProcessor",
        "DescribeStreamProcessor",
        "ListStreamProcessors",
        "StartStreamProcessor",
        "StopStreamProcessor",
        "UpdateStreamProcessor",
    ),
    "Custom Labels is not offered.": (
        "CopyProjectVersion",
        "CreateDataset",
        "CreateProject",
        "CreateProjectVersion",
        "DeleteDataset",
        "DeleteProject",
        "DeleteProjectPolicy",
        "DeleteProjectVersion",
        "DescribeDataset",
        "DescribeProjectVersions",
        "DescribeProjects",
        "DetectCustomLabels",
        "DistributeDatasetEntries",
        "ListDatasetEntries",
        "ListDatasetLabels",
        "ListProjectPolicies",
        "PutProjectPolicy",
        "StartProjectVersion",
        "StopProjectVersion",
        "UpdateDatasetEntries",
    ),
}
"""The reason why operations of the service model are not offered -> their names."""
