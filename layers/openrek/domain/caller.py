"""Who asks: what an operation may know of the caller."""

from dataclasses import dataclass

from openrek.domain.permissions import EVERYTHING, Permissions

NO_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class Caller:
    """Region and account for ARNs. The region is the one that the caller signed for.

    Without access keys there is no `key_id`, and everything is allowed.
    """

    region: str = "us-east-1"
    account: str = NO_ACCOUNT
    key_id: str = ""
    permissions: Permissions = EVERYTHING

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user/{self.key_id}"
