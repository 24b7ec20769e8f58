"""PutCelebrityInfo, which Rekognition does not have: `openrek/wire/extensions.json` describes it."""

from openrek.domain.ports import Collections, Users
from openrek.operations.translation.shapes import Request, Response


def put_celebrity_info(request: Request, *, collections: Collections, users: Users) -> Response:
    """Make a user of the collection a celebrity, or change what is known of one; safe to repeat."""
    collection = collections.require(request["CollectionId"])
    gender = request.get("KnownGender", {}).get("Type")
    users.describe(collection, request["Id"], request["Name"], request.get("Urls"), gender)
    return {}
