"""The meaning of DynamoDB's failures for a write: not written, cannot be written, or unknown.

Only a response of the service can prove that nothing was written. Any other failure leaves it open.
"""

from collections.abc import Sequence
from typing import Final

from botocore.exceptions import (
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
from pynamodb.exceptions import CancellationReason, PynamoDBException, VerboseClientError

from openrek.store.items.port import ConditionFailed, Contended, LimitExceeded, OutcomeUnknown

CANCELLED: Final = "TransactionCanceledException"
CONDITION_FAILED: Final = "ConditionalCheckFailed"
CONDITION_FAILED_ALONE: Final = "ConditionalCheckFailedException"
"""Of a write that is no transaction."""

BUSY: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
    }
)
"""Refused before anything was done. The same, as reasons of a cancelled transaction, are BUSY_REASONS."""

BUSY_REASONS: Final = frozenset({"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"})

STILL_RUNNING: Final = "TransactionInProgressException"
"""An earlier attempt with the same client token has not ended: it may be written yet."""

INVALID: Final = frozenset({"ValidationException", "ItemCollectionSizeLimitExceededException"})
INVALID_REASONS: Final = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})

UNSENT: Final = (
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
"""botocore raises these before it sends anything."""


def failure_of(error: PynamoDBException, positions: Sequence[int] = ()) -> Exception:
    """Return the error to raise: ConditionFailed, Contended, LimitExceeded, OutcomeUnknown, or the error itself when it
    says for sure that nothing was done (no access, no such table). Reads have the same failures but the first.

    `positions` are the caller's, in the order in which the operations were sent.
    """
    cause = error.cause
    if not isinstance(cause, VerboseClientError):
        return error if isinstance(cause, UNSENT) else OutcomeUnknown(type(cause).__name__)
    code = str(error.cause_response_code)
    if code == CANCELLED:
        return _cancelled(error, cause.cancellation_reasons, positions)
    if code == CONDITION_FAILED_ALONE:
        return ConditionFailed(positions)
    if code in BUSY:
        return Contended(code)
    if code in INVALID:
        return LimitExceeded(error.cause_response_message)
    refused = _status(cause) == 400 and code != STILL_RUNNING
    return error if refused else OutcomeUnknown(code)


def _cancelled(
    error: PynamoDBException, reasons: Sequence[CancellationReason | None], positions: Sequence[int]
) -> Exception:
    """Return the error for a cancelled transaction, which was not written, whatever the reasons.

    A condition that failed was compared with the stored item, so it decides, even if other items were busy: sending the
    same again could only succeed once another client has changed that item back.
    """
    codes = [reason.code if reason else None for reason in reasons]
    failed = [position for position, code in zip(positions, codes, strict=False) if code == CONDITION_FAILED]
    given = {code for code in codes if code is not None}
    if given & INVALID_REASONS:
        return LimitExceeded(", ".join(str(reason.message) for reason in reasons if reason))
    if failed:
        return ConditionFailed(sorted(failed))
    return Contended(", ".join(sorted(given))) if given and given <= BUSY_REASONS else error


def _status(cause: VerboseClientError) -> int:
    """Return the HTTP status, which pynamodb keeps only in the error that it replaced."""
    response = getattr(cause.__cause__, "response", {})
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
