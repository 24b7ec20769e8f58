"""What API Gateway says by itself, in the words that openrek uses for the same thing, so that an SDK knows the code."""

import json
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_apigateway as apigateway

JSON: Final = "application/x-amz-json-1.1"
INLINE_MB: Final = "4.6 MB"
"""Lambda takes 6 MB, and base64 makes a third more of an image."""


@dataclass(frozen=True, slots=True)
class GatewayError:
    """`modelled` errors belong to Rekognition's own model, and carry its members."""

    code: str
    text: str
    reason: str
    status: int = 400
    modelled: bool = True


UNKNOWN: Final = GatewayError(
    "UnknownOperationException",
    "Unknown operation",
    "Ask with POST / and the header X-Amz-Target: RekognitionService.<Operation>, or POST /<Operation>.",
    modelled=False,
)
CONTENT_TYPE: Final = GatewayError(
    "UnknownOperationException", "Unknown operation", f"The Content-Type must be {JSON}.", modelled=False
)
DENIED: Final = GatewayError(
    "AccessDeniedException", "Access denied", "API Gateway or its firewall refused the request."
)
TOO_LARGE: Final = GatewayError(
    "ImageTooLargeException",
    "Image size is too large",
    f"Images in the request may have about {INLINE_MB} altogether; larger ones can be given as an S3Object.",
)
THROTTLED: Final = GatewayError(
    "ThrottlingException",
    "Slow down; sudden increase in rate of requests.",
    "There are more requests per second than the deployment allows.",
)
INVALID: Final = GatewayError(
    "ValidationException", "Request has invalid parameters", "API Gateway refused the request.", modelled=False
)
INTERNAL: Final = GatewayError(
    "InternalServerError", "Internal server error", "The function failed or did not answer in time.", status=500
)

RESPONSES: Final = {
    "ACCESS_DENIED": DENIED,
    "DEFAULT_4XX": INVALID,
    "DEFAULT_5XX": INTERNAL,
    "INTEGRATION_FAILURE": INTERNAL,
    "INTEGRATION_TIMEOUT": INTERNAL,
    "MISSING_AUTHENTICATION_TOKEN": UNKNOWN,
    "QUOTA_EXCEEDED": THROTTLED,
    "REQUEST_TOO_LARGE": TOO_LARGE,
    "RESOURCE_NOT_FOUND": UNKNOWN,
    "THROTTLED": THROTTLED,
    "UNSUPPORTED_MEDIA_TYPE": CONTENT_TYPE,
    "WAF_FILTERED": DENIED,
}
"""By API Gateway's names of its responses. It says MISSING_AUTHENTICATION_TOKEN of a path that it does not know."""


def body_of(error: GatewayError) -> str:
    """The JSON, with API Gateway's variable for the request's id."""
    service = {"Code": error.code, "Logref": "$context.requestId"} if error.modelled else {}
    return json.dumps({"__type": error.code, **service, "Message" if error.modelled else "message": error.text})


def add_gateway_errors(api: apigateway.RestApi) -> None:
    for name, error in RESPONSES.items():
        api.add_gateway_response(
            f"Says{name}",
            type=apigateway.ResponseType.of(name),
            status_code=str(error.status),
            response_headers={"Content-Type": f"'{JSON}'", "x-openrek-reason": f"'{error.reason}'"},
            templates={"application/json": body_of(error)},
        )
