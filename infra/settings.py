"""The options of a deployment (`cdk -c name=value`), checked, as one value. docs/DEPLOY.md lists them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

Value = TypeVar("Value")

ARCHITECTURES: Final = ("arm64", "x86_64")
LOG_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827)


class BadOption(Exception):
    """An option that cannot be deployed; the text names it and says what is allowed."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The options. `provisioned` holds (operation, copies kept warm); ARNs are empty where the option is not used."""

    deployment: str = "openrek"
    architecture: str = "arm64"
    image_buckets: tuple[str, ...] = ()
    provisioned_concurrency: tuple[tuple[str, int], ...] = ()
    snap_start: bool = False
    removal_policy: str = "retain"
    backups: bool = True
    log_days: int = 30
    throttle_rate: int = 50
    throttle_burst: int = 100
    domain_name: str = ""
    certificate_arn: str = ""
    alarm_topic_arn: str = ""
    keys_kms_key_arn: str = ""
    moderation_taxonomy: str = "7.0"
    label_pack: str = ""
    celebrities: str = "celebrities"
    celebrity_threshold: str = "90"

    @classmethod
    def of(cls, option: Callable[[str], Any]) -> "Deployment":
        """Read the options; `option` gives a context value by its name, or None. Raises BadOption."""
        given = {field.name: option(field.name) for field in fields(cls)}
        read = {name: _READERS[name](name, value) for name, value in given.items() if value not in (None, "")}
        made = cls(**read)
        _check_together(made)
        return made


def _matching(pattern: str, says: str) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise BadOption(f"{name} must be {says}, not {value!r}.")
        return value

    return read


def _one_of(*allowed: str) -> Callable[[str, Any], str]:
    return _matching("|".join(map(re.escape, allowed)), " or ".join(allowed))


def _switch(name: str, value: Any) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise BadOption(f"{name} must be true or false, not {value!r}.")
    return str(value).lower() == "true"


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if not re.fullmatch(r"[0-9]{1,7}", str(value)) or not low <= int(value) <= high:
            raise BadOption(f"{name} must be a whole number from {low} to {high}, not {value!r}.")
        return int(value)

    return read


def _percent(name: str, value: Any) -> str:
    read = _matching(r"[0-9]{1,2}(\.[0-9]{1,6})?|100", "a number from 0 to 100")
    return read(name, str(value))


def _log_days(name: str, value: Any) -> int:
    if str(value) not in map(str, LOG_DAYS):
        raise BadOption(f"{name} must be one of {', '.join(map(str, LOG_DAYS))}, not {value!r}.")
    return int(value)


def _buckets(name: str, value: Any) -> tuple[str, ...]:
    """Split names at commas. No wildcard may get into a policy this way."""
    read = _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "names of S3 buckets, separated by commas")
    return tuple(dict.fromkeys(read(name, bucket.strip()) for bucket in str(value).split(",")))


def _copies(name: str, value: Any) -> tuple[tuple[str, int], ...]:
    """Read `SearchFacesByImage=2,IndexFaces=1`."""
    pairs = [str(pair).strip().partition("=") for pair in str(value).split(",")]
    return tuple((operation, _whole(1, 1000)(name, count)) for operation, _, count in pairs)


def _arn(service: str) -> Callable[[str, Any], str]:
    return _matching(rf"arn:aws[a-z-]*:{service}:[a-z0-9-]+:[0-9]{{12}}:[A-Za-z0-9/_.-]+", f"an ARN of {service}")


_READERS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "deployment": _matching(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", "2 to 32 small letters, digits and hyphens"),
    "architecture": _one_of(*ARCHITECTURES),
    "image_buckets": _buckets,
    "provisioned_concurrency": _copies,
    "snap_start": _switch,
    "removal_policy": _one_of("retain", "destroy"),
    "backups": _switch,
    "log_days": _log_days,
    "throttle_rate": _whole(1, 10_000),
    "throttle_burst": _whole(1, 5_000),
    "domain_name": _matching(r"[a-z0-9][a-z0-9.-]{2,252}", "a host name"),
    "certificate_arn": _arn("acm"),
    "alarm_topic_arn": _arn("sns"),
    "keys_kms_key_arn": _arn("kms"),
    "moderation_taxonomy": _one_of("7.0", "6.1"),
    "celebrities": _matching(r"[a-zA-Z0-9_.\-]{1,255}", "the id of a collection"),
    "celebrity_threshold": _percent,
    "label_pack": _matching(
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,9}", "s3://bucket/prefix"
    ),
}


def _check_together(made: Deployment) -> None:
    if bool(made.domain_name) != bool(made.certificate_arn):
        raise BadOption("domain_name and certificate_arn are given together or not at all.")
    if made.snap_start and made.provisioned_concurrency:
        raise BadOption("AWS Lambda has snap_start or provisioned_concurrency, not both.")
