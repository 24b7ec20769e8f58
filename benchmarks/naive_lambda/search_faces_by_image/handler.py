"""SearchFacesByImage as tutorials write a function: boto3's resource, Powertools' resolver and parser, every import and
both models before the first event, and all faces read from the table for each search.

The models and the face pipeline are openrek's own, so that the response is the same. The baseline of
benchmarks/lambda.py.
"""

import base64
import json
import os
import struct
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import numpy as np
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import BaseModel, parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Key
from pydantic import Base64Bytes, Field

from openrek.domain.faces import largest
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.sessions import ModelSessions

logger = Logger(service="naive")
metrics = Metrics(namespace="naive", service="naive")
app = APIGatewayRestResolver()
table = boto3.resource("dynamodb").Table(os.environ["OPENREK_TABLE"])
s3 = boto3.client("s3")
reader = FaceReader(ModelSessions(Path(os.environ["OPENREK_WEIGHTS"]), 2), sface.packs())
reader.session("yunet")
reader.session("sface")

GEOMETRY = struct.Struct("<5f")
JSON = "application/x-amz-json-1.1"


class S3Object(BaseModel):
    bucket: str = Field(alias="Bucket")
    name: str = Field(alias="Name")


class Image(BaseModel):
    content: Base64Bytes | None = Field(alias="Bytes", default=None)
    s3_object: S3Object | None = Field(alias="S3Object", default=None)


class SearchRequest(BaseModel):
    collection_id: str = Field(alias="CollectionId", min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9_.\-]+$")
    image: Image = Field(alias="Image")
    max_faces: int = Field(alias="MaxFaces", default=4096, ge=1, le=4096)
    threshold_pct: float = Field(alias="FaceMatchThreshold", default=80.0, ge=0, le=100)


@app.post("/SearchFacesByImage")
def search_faces_by_image() -> Response[str]:
    request = parse(app.current_event.decoded_body, SearchRequest)
    key = {"partition": f"collection/{request.collection_id}", "sort": "head"}
    head = table.get_item(Key=key, ConsistentRead=True)["Item"]
    photo = reader.read(_content(request.image))
    probe = largest(photo.faces)
    query = np.frombuffer(photo.embed(probe).embedding, np.float32).astype(np.float64)
    items = _faces(UUID(bytes=bytes(head["uid"])))
    metrics.add_metric("Faces", MetricUnit.Count, len(items))
    vectors = np.array([np.frombuffer(bytes(item["vector"]), np.int8) for item in items], np.float64)
    scales = np.array([struct.unpack("<f", bytes(item["scale"]))[0] for item in items])
    similarities = [reader.model.similarity_pct(cosine) for cosine in (vectors @ query * scales).tolist()]
    best = sorted(zip(similarities, items, strict=True), key=lambda pair: -pair[0])[: request.max_faces]
    matches = [
        {"Similarity": similarity, "Face": _face(item, head["model"])}
        for similarity, item in best
        if similarity >= request.threshold_pct
    ]
    box = probe.box
    response = {
        "SearchedFaceBoundingBox": {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top},
        "SearchedFaceConfidence": probe.confidence,
        "FaceMatches": matches,
        "FaceModelVersion": head["model"],
    }
    return Response(200, JSON, json.dumps(response, default=lambda value: base64.b64encode(value).decode()))


def _content(image: Image) -> bytes:
    if image.s3_object is None:
        return image.content or b""
    return s3.get_object(Bucket=image.s3_object.bucket, Key=image.s3_object.name)["Body"].read()


def _faces(uid: UUID) -> list[dict[str, Any]]:
    asked: dict[str, Any] = {"KeyConditionExpression": Key("partition").eq(f"{uid.hex}/face"), "ConsistentRead": True}
    items: list[dict[str, Any]] = []
    while True:
        page = table.query(**asked)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


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


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
