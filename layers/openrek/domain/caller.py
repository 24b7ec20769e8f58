"""Who asks: what an operation may know of the caller."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Region and account for ARNs. Without keys the region is the one the caller signed for."""

    region: str = "us-east-1"
    account: str = "000000000000"
