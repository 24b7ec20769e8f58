"""Every event of `events/` through its packaged function, under the real runtime client."""

import json
from typing import Any

from openrek.domain.access_keys import AccessKey
from tests.support.events import FOLDER, event_of
from tests.support.lambda_service import LambdaService

FACE_ID = "3f8b9d5e-6a7c-4d2e-8f1a-0b9c8d7e6f5a"


def test_an_event_that_nobody_signed_is_refused_before_any_key_is_looked_up(functions: LambdaService) -> None:
    """Check the result of `sam local invoke` for the events as they are."""
    response = functions.invoke("ListFaces", (FOLDER / "list_faces.json").read_bytes()).json
    assert (response["statusCode"], json.loads(response["body"])["__type"]) == (400, "InvalidSignatureException")
    assert "Signature expired" in response["body"]


def test_every_event_is_answered_by_its_function(functions: LambdaService, image_bucket: str, key: AccessKey) -> None:
    def said(name: str) -> dict[str, Any]:
        response = functions.invoke(functions.row(name).name, event_of(name, key, image_bucket))
        assert response.error is None, response.payload
        return {"status": response.json["statusCode"], **json.loads(response.json["body"])}

    assert said("create_collection")["status"] == 200
    assert said("list_collections")["CollectionIds"] == ["people"]
    indexed = said("index_faces")["FaceRecords"]
    assert [record["Face"]["ExternalImageId"] for record in indexed] == ["one.jpg"]
    face_id = indexed[0]["Face"]["FaceId"]
    assert [face["FaceId"] for face in said("list_faces")["Faces"]] == [face_id]
    assert said("describe_collection")["FaceCount"] == 1
    assert [match["Face"]["FaceId"] for match in said("search_faces_by_image")["FaceMatches"]] == [face_id]
    assert said("compare_faces")["FaceMatches"][0]["Similarity"] > 95
    assert len(said("detect_faces")["FaceDetails"]) == 1
    assert {"Face", "Person"} <= {label["Name"] for label in said("detect_labels")["Labels"]}
    assert said("search_faces")["__type"] == "InvalidParameterException"
    assert said("create_user") == {"status": 200}
    assert said("list_users")["Users"] == [{"UserId": "anna", "UserStatus": "CREATED"}]
    unknown = {"FaceId": FACE_ID, "Reasons": ["FACE_NOT_FOUND"]}
    assert said("associate_faces")["UnsuccessfulFaceAssociations"] == [unknown]
    assert said("disassociate_faces")["UnsuccessfulFaceDisassociations"] == [unknown]
    assert said("search_users")["SearchedUser"] == {"UserId": "anna"}
    assert said("search_users_by_image")["UserMatches"] == []
    found = said("search_all_faces_by_image")["SearchedFaces"]
    assert [[match["Face"]["FaceId"] for match in each["FaceMatches"]] for each in found] == [[face_id]]
    assert said("delete_user") == {"status": 200}
    assert said("tag_resource") == {"status": 200}
    assert said("list_tags_for_resource")["Tags"] == {"team": "doors"}
    assert said("untag_resource") == {"status": 200}
    assert said("list_tags_for_resource")["Tags"] == {}
    assert said("erase_person")["DeletedFaces"] == [face_id]
    assert said("delete_faces")["UnsuccessfulFaceDeletions"] == [{"FaceId": FACE_ID, "Reasons": ["FACE_NOT_FOUND"]}]
    assert said("delete_collection") == {"status": 200, "StatusCode": 200}
    assert said("describe_collection")["__type"] == "ResourceNotFoundException"
    assert said("router")["__type"] == "ResourceNotFoundException"
    assert functions.invoke("Upkeep", (FOLDER / "upkeep.json").read_bytes()).json == {"done": True}
