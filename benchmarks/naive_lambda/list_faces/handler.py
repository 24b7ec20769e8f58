"""ListFaces as tutorials write a function: boto3's resource, Powertools' resolver and parser, all imported first.

The same response from the same table as openrek's own; the baseline of benchmarks/lambda.py. It checks no signature, no
page token and no limit but the model's.
"""

import base64
import json
import os
import struct
from typing import Any
from uuid import UUID

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import BaseModel, parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Key
from pydantic import Field

logger = Logger(service="naive")
metrics = Metrics(namespace="naive", service="naive")
app = APIGatewayRestResolver()
table = boto3.resource("dynamodb").Table(os.environ["OPENREK_TABLE"])

GEOMETRY = struct.Struct("<5f")
JSON = "application/x-amz-json-1.1"


class ListFacesRequest(BaseModel):
    collection_id: str = Field(alias="CollectionId", min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9_.\-]+$")
    max_results: int = Field(alias="MaxResults", default=4096, ge=0, le=4096)


@app.post("/ListFaces")
def list_faces() -> Response[str]:
    request = parse(app.current_event.decoded_body, ListFacesRequest)
    head = table.get_item(
        Key={"partition": f"collection/{request.collection_id}", "sort": "head"}, ConsistentRead=True
    )["Item"]
    uid = UUID(bytes=bytes(head["uid"]))
    found = table.query(
        KeyConditionExpression=Key("partition").eq(f"{uid.hex}/face"), ConsistentRead=True, Limit=request.max_results
    )
    faces = [_face(item, head["model"]) for item in found["Items"]]
    metrics.add_metric("Faces", MetricUnit.Count, len(faces))
    return Response(200, JSON, _json({"Faces": faces, "FaceModelVersion": head["model"]}))


def _face(item: dict[str, Any], model: str) -> dict[str, Any]:
    left, top, width, height, confidence = GEOMETRY.unpack(bytes(item["geometry"]))
    external = {"ExternalImageId": item["external"]} if "external" in item else {}
    return {
        "FaceId": str(UUID(bytes=bytes(item["id"]))),
        "BoundingBox": {"Width": width, "Height": height, "Left": left, "Top": top},
        "ImageId": str(UUID(bytes=bytes(item["image"]))),
        **external,
        "Confidence": confidence,
        "IndexFacesModelVersion": model,
    }


def _json(response: dict[str, Any]) -> str:
    return json.dumps(response, default=lambda value: base64.b64encode(value).decode())


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
