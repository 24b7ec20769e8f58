"""A write that leaves a long log starts the upkeep function, and nobody waits for it."""

import json
from typing import Any

from botocore.credentials import Credentials

from openrek.domain.access_keys import AccessKey
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import Items, Put
from openrek.store.log.head import FOLD_BYTES, Head, require_head
from tests.support.aws import LocalAws
from tests.support.events import event_of, signed_event
from tests.support.lambda_service import LambdaService, Refused

UPKEEP_CALL = ("openrek-Upkeep:live", "Event")


def head_of_people(items: Items) -> Head:
    return require_head(items, StoredCollections(items).require("people"))


def test_a_long_log_is_folded_by_the_upkeep_function(
    functions: LambdaService, key: AccessKey, image_bucket: str, aws: LocalAws
) -> None:
    items = aws.items(functions.environ["OPENREK_TABLE"])

    def call(name: str, **more: str) -> dict[str, Any]:
        sent = event_of(name, key, image_bucket)
        sent["body"] = json.dumps({**json.loads(sent["body"]), **more})
        response = functions.invoke(
            functions.row(name).name, signed_event(sent, Credentials(key.key_id, key.secret))
        ).json
        assert response["statusCode"] == 200, response
        said: dict[str, Any] = json.loads(response["body"])
        return said

    def index(external_image_id: str) -> None:
        assert len(call("index_faces", ExternalImageId=external_image_id)["FaceRecords"]) == 1

    call("create_collection")
    index("first")
    assert functions.calls == []
    head = head_of_people(items)
    items.transact([Put(head.key, {**head.attributes(), "log_bytes": FOLD_BYTES})])

    functions.refusals.append(Refused(429, "TooManyRequestsException"))
    index("nobody-hears-of-it")
    assert functions.calls == [UPKEEP_CALL]
    assert "upkeep of people could not be asked for" in functions.log("IndexFaces")
    functions.forget("IndexFaces")

    index("second")
    index("third")
    assert functions.calls == [UPKEEP_CALL] * 2
    functions.settle()
    assert head_of_people(items).compacted_through > 0
    assert len(call("list_faces")["Faces"]) == 4
    items.close()
