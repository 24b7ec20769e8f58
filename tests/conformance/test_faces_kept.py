"""The faces that a collection holds: duplicates, deletions, listings, counts."""

from typing import TYPE_CHECKING

from tests.conformance.conftest import refusal
from tests.support.variants import collage

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


def ids(response: dict) -> list[str]:
    return [record["Face"]["FaceId"] for record in response["FaceRecords"]]


def three_faces(photos: dict[str, bytes]) -> bytes:
    picture, _ = collage(
        (1600, 900),
        {
            "first": (photos["obama.jpg"], (20, 20), 560),
            "second": (photos["biden.jpg"], (640, 20), 420),
            "third": (photos["astronaut.png"], (1120, 20), 400),
        },
    )
    return picture


def test_a_repeated_photo_gives_the_same_face_ids(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    image = {"Bytes": three_faces(photos)}
    first = rekognition.index_faces(CollectionId=collection, Image=image, ExternalImageId="group")
    again = rekognition.index_faces(CollectionId=collection, Image=image, ExternalImageId="group")
    assert len(set(ids(first))) == 3
    assert again["FaceRecords"] == first["FaceRecords"]
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 3
    assert len({record["Face"]["ImageId"] for record in first["FaceRecords"]}) == 1

    other = rekognition.index_faces(CollectionId=collection, Image=image, ExternalImageId="other")
    unnamed = rekognition.index_faces(CollectionId=collection, Image=image)
    assert not set(ids(other)) & set(ids(first))
    assert not set(ids(unnamed)) & set(ids(first) + ids(other))
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 9
    assert other["FaceRecords"][0]["Face"]["ImageId"] == first["FaceRecords"][0]["Face"]["ImageId"]
    assert "ExternalImageId" not in unnamed["FaceRecords"][0]["Face"]


def test_a_repeat_adds_only_what_is_missing(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    image = {"Bytes": three_faces(photos)}
    largest = rekognition.index_faces(CollectionId=collection, Image=image, MaxFaces=1)
    assert [face["Reasons"] for face in largest["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]] * 2
    every = rekognition.index_faces(CollectionId=collection, Image=image)
    assert ids(every)[0] == ids(largest)[0]
    assert len(set(ids(every))) == 3

    deleted = ids(every)[1]
    rekognition.delete_faces(CollectionId=collection, FaceIds=[deleted])
    again = rekognition.index_faces(CollectionId=collection, Image=image)
    assert [ids(again)[0], ids(again)[2]] == [ids(every)[0], ids(every)[2]]
    assert ids(again)[1] not in ids(every)
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 3


def test_deleted_faces_are_gone_from_every_answer(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    image = {"Bytes": photos["obama.jpg"]}
    (face_id,) = ids(rekognition.index_faces(CollectionId=collection, Image=image))
    unknown = "11111111-2222-4333-8444-555555555555"
    response = rekognition.delete_faces(CollectionId=collection, FaceIds=[unknown, face_id, face_id, unknown])
    assert response["DeletedFaces"] == [face_id]
    assert response["UnsuccessfulFaceDeletions"] == [{"FaceId": unknown, "Reasons": ["FACE_NOT_FOUND"]}]
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 0
    assert rekognition.list_faces(CollectionId=collection)["Faces"] == []
    assert rekognition.list_faces(CollectionId=collection, FaceIds=[face_id])["Faces"] == []
    assert rekognition.search_faces_by_image(CollectionId=collection, Image=image)["FaceMatches"] == []
    assert refusal(rekognition.search_faces, CollectionId=collection, FaceId=face_id)[:2] == (
        "InvalidParameterException",
        "faceId was not found in the collection.",
    )


def test_what_was_indexed_is_what_is_listed(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    response = rekognition.index_faces(
        CollectionId=collection, Image={"Bytes": three_faces(photos)}, ExternalImageId="a:b.c-d_1"
    )
    indexed = [record["Face"] for record in response["FaceRecords"]]
    listed = rekognition.list_faces(CollectionId=collection)
    expected = sorted(({**face, "IndexFacesModelVersion": "7.1"} for face in indexed), key=lambda face: face["FaceId"])
    assert listed["Faces"] == expected
    assert listed["FaceModelVersion"] == "7.1"
    some = rekognition.list_faces(CollectionId=collection, FaceIds=[expected[2]["FaceId"], expected[0]["FaceId"]])
    assert some["Faces"] == [expected[0], expected[2]]


def test_pages_survive_inserts_and_deletes_between_them(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    image = {"Bytes": three_faces(photos)}
    for name in "abc":
        rekognition.index_faces(CollectionId=collection, Image=image, ExternalImageId=name)
    before = [face["FaceId"] for face in rekognition.list_faces(CollectionId=collection)["Faces"]]
    assert before == sorted(before)
    page = rekognition.list_faces(CollectionId=collection, MaxResults=4)
    assert [face["FaceId"] for face in page["Faces"]] == before[:4]
    assert len(page["NextToken"]) <= 255
    rekognition.delete_faces(CollectionId=collection, FaceIds=[before[3], before[4]])
    rekognition.index_faces(CollectionId=collection, Image=image, ExternalImageId="d")
    rest: list[str] = []
    while token := page.get("NextToken"):
        page = rekognition.list_faces(CollectionId=collection, MaxResults=4, NextToken=token)
        rest += [face["FaceId"] for face in page["Faces"]]
    assert [face_id for face_id in rest if face_id in before] == before[5:]
    assert not set(rest) & set(before[:5])
    paginator = rekognition.get_paginator("list_faces")
    pages = paginator.paginate(CollectionId=collection, PaginationConfig={"PageSize": 3})
    assert len([face for each in pages for face in each["Faces"]]) == 10


def test_a_token_is_good_for_its_own_listing_only(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    rekognition.index_faces(CollectionId=collection, Image={"Bytes": three_faces(photos)})
    faces_token = rekognition.list_faces(CollectionId=collection, MaxResults=1)["NextToken"]
    names = [f"{collection}-{number}" for number in range(2)]
    for name in names:
        rekognition.create_collection(CollectionId=name)
    collections_token = rekognition.list_collections(MaxResults=1)["NextToken"]
    wrong = [
        (rekognition.list_faces, {"CollectionId": names[0], "NextToken": faces_token}),
        (rekognition.list_faces, {"CollectionId": collection, "NextToken": collections_token}),
        (rekognition.list_collections, {"NextToken": faces_token}),
        (rekognition.list_faces, {"CollectionId": collection, "NextToken": faces_token[:-2] + "AA"}),
        (rekognition.list_faces, {"CollectionId": collection, "NextToken": "x"}),
    ]
    for call, arguments in wrong:
        assert refusal(call, **arguments)[:2] == ("InvalidPaginationTokenException", "Invalid Pagination Token")
    for name in names:
        rekognition.delete_collection(CollectionId=name)
