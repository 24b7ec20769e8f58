"""The caller of an operation: region, account, access key and permissions."""

from dataclasses import dataclass

from openrek.domain.permissions import EVERYTHING, Permissions

NO_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of an operation. Region and account are for ARNs; the region is the one that the caller signed for.

    Without access keys `key_id` is empty, and everything is allowed.
    """

    region: str = "us-east-1"
    account: str = NO_ACCOUNT
    key_id: str = ""
    permissions: Permissions = EVERYTHING

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user/{self.key_id}"
