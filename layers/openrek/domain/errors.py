"""The errors that openrek returns to its callers, as exceptions that know nothing of HTTP.

    Refusal
    ├── ValidationError               a member of the request breaks the service model
    ├── SerializationError            the body is not the JSON that the model describes
    ├── UnknownOperation              no such operation, or one that openrek does not offer
    ├── MissingAuthenticationToken    the request is not signed
    ├── IncompleteSignature           the signature is incomplete or cannot be parsed
    ├── UnrecognizedClient            no such access key
    ├── InvalidSignature              signed with another secret, for something else, or at another time
    ├── ExpiredToken                  the access key is past its last day
    ├── AccessDenied                  the caller may not do this
    ├── InvalidParameter              the request makes no sense as a whole
    ├── InvalidImageFormat            the bytes are not a JPEG or PNG
    ├── ImageTooLarge                 too many bytes or too many pixels
    ├── InvalidS3Object               the object cannot be read
    ├── InvalidPaginationToken        not one of our tokens, or one from elsewhere
    ├── ResourceNotFound
    ├── ResourceAlreadyExists
    ├── Conflict                      another change came first, or the name is taken
    ├── IdempotentParameterMismatch   a ClientRequestToken came back with another input
    ├── ServiceQuotaExceeded
    ├── Throttling                    too much work at once; the caller may try again
    └── InternalServerError           our fault

`str(refusal)` is the text that Rekognition sends. `reason` is one plain sentence of ours that says what
exactly was wrong; it travels in the header `x-openrek-reason`. Neither ever holds image or vector data.
"""


class Refusal(Exception):
    """An error returned to the caller. Nothing was changed, unless `reason` says that a part was."""

    text = "Request has invalid parameters"

    def __init__(self, text: str | None = None, *, reason: str | None = None) -> None:
        super().__init__(text or self.text)
        self.reason = reason


class ValidationError(Refusal): ...


class SerializationError(Refusal): ...


class UnknownOperation(Refusal):
    text = "Unknown operation"


class MissingAuthenticationToken(Refusal):
    text = "Missing Authentication Token"


class IncompleteSignature(Refusal): ...


class UnrecognizedClient(Refusal):
    text = "The security token included in the request is invalid."


class InvalidSignature(Refusal):
    text = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )


class ExpiredToken(Refusal):
    text = "The security token included in the request is expired"


class AccessDenied(Refusal): ...


class InvalidParameter(Refusal): ...


class InvalidImageFormat(Refusal):
    text = "Request has invalid image format"


class ImageTooLarge(Refusal):
    text = "Image size is too large"


class InvalidS3Object(Refusal):
    text = "Unable to get object metadata from S3. Check object key, region and/or access permissions."


class InvalidPaginationToken(Refusal):
    text = "Invalid Pagination Token"


class ResourceNotFound(Refusal): ...


class ResourceAlreadyExists(Refusal): ...


class Conflict(Refusal):
    text = "Other changes to the same collection came first."


class IdempotentParameterMismatch(Refusal): ...


class ServiceQuotaExceeded(Refusal):
    text = "The size of the collection exceeds the allowed limit."


class Throttling(Refusal):
    text = "Slow down; sudden increase in rate of requests."


class InternalServerError(Refusal):
    text = "Internal server error"


class StoreUnavailable(InternalServerError):
    """Nothing was written, and nothing will be until somebody acts; `reason` says what is wrong."""


def collection_not_found(collection_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"The collection id: {collection_id} does not exist")


def no_faces_in_image(reason: str) -> InvalidParameter:
    return InvalidParameter("There are no faces in the image. Should be at least 1.", reason=reason)


def user_not_found(user_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"The user id: {user_id} does not exist")


def token_in_use(token: str) -> IdempotentParameterMismatch:
    return IdempotentParameterMismatch(f"The ClientRequestToken: {token} you have supplied is already in use.")
