"""Every event of `events/` through its packaged function, under the real runtime client."""

import json
from pathlib import Path
from typing import Any

from tests.support.lambda_service import ROWS, LambdaService

ROOT = Path(__file__).parents[2]
FACE_ID = "3f8b9d5e-6a7c-4d2e-8f1a-0b9c8d7e6f5a"


def handle(functions: LambdaService, name: str, image_bucket: str) -> dict[str, Any]:
    """What the function says to its own event, with the bucket of this test."""
    row = next(row for row in ROWS.values() if row.folder == name)
    event = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    event["body"] = event["body"].replace('"photos"', f'"{image_bucket}"')
    answer = functions.invoke(row.name, event)
    assert answer.error is None, answer.payload
    return {"status": answer.json["statusCode"], **json.loads(answer.json["body"])}


def test_every_event_is_answered_by_its_function(functions: LambdaService, image_bucket: str) -> None:
    def said(name: str) -> dict[str, Any]:
        return handle(functions, name, image_bucket)

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
    assert said("search_faces")["__type"] == "InvalidParameterException"
    assert said("delete_faces")["UnsuccessfulFaceDeletions"] == [{"FaceId": FACE_ID, "Reasons": ["FACE_NOT_FOUND"]}]
    assert said("delete_collection") == {"status": 200, "StatusCode": 200}
    assert said("describe_collection")["__type"] == "ResourceNotFoundException"
