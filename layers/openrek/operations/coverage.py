"""What a user of Rekognition should know about each operation here: `docs/COVERAGE.md` is made from this and the model.

Keys are API names. An offered operation without a note behaves as Rekognition documents it.
"""

from collections.abc import Mapping
from typing import Final

from openrek.operations.matching import DEFAULT_THRESHOLD_PCT, MOST_FACES_IN_PHOTO, MOST_MATCHES
from openrek.operations.pages import DEFAULT_PAGE_ROWS

_PAGES = f"MaxResults is {DEFAULT_PAGE_ROWS} unless given, 0 means the same, 4096 at most"
_SEARCH = f"FaceMatchThreshold {DEFAULT_THRESHOLD_PCT:g} and MaxFaces {MOST_MATCHES} unless given; ties go by FaceId"

NOTES: Final[Mapping[str, str]] = {
    "CompareFaces": f"SimilarityThreshold {DEFAULT_THRESHOLD_PCT:g} and QualityFilter NONE unless given. A face that "
    "the quality filter drops is in neither list.",
    "CreateCollection": "CollectionArn comes without its leading `arn:`, as Rekognition sends it.",
    "DeleteFaces": "Repeated ids count once; both lists are always sent. Deletion is atomic per chunk of a large call.",
    "DescribeCollection": "Counts are exact at the time of the call.",
    "DetectFaces": "The default attributes only, whichever are asked for: BoundingBox, Confidence, five Landmarks, "
    "Pose and Quality.",
    "IndexFaces": f"QualityFilter AUTO and MaxFaces {MOST_FACES_IN_PHOTO} unless given. FaceDetail holds the default "
    "attributes only. The same image with the same ExternalImageId returns the same FaceIds.",
    "ListCollections": f"In the order of their ids. {_PAGES}.",
    "ListFaces": f"In ascending FaceId order. {_PAGES}. FaceIds that do not exist are left out. "
    "UserId is refused (InvalidParameterException) until users are offered.",
    "SearchFaces": f"{_SEARCH}.",
    "SearchFacesByImage": f"{_SEARCH}. QualityFilter NONE unless given; the largest of the faces that it keeps is "
    "searched.",
}

NOT_OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "Users are not offered yet.": (
        "AssociateFaces",
        "CreateUser",
        "DeleteUser",
        "DisassociateFaces",
        "ListUsers",
        "SearchUsers",
        "SearchUsersByImage",
    ),
    "Tags are taken by CreateCollection; reading and changing them is not offered yet.": (
        "ListTagsForResource",
        "TagResource",
        "UntagResource",
    ),
    "Only faces are read from photos so far.": (
        "DetectLabels",
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
"""Why, and for which operations of the model."""
