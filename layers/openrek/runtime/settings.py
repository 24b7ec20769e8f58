"""The settings as one value, read from the environment on request, never at import. (The command line's clients read
`AWS_ENDPOINT_URL_REKOGNITION` by themselves.)

OPENREK_DATA             folder of the embedded store and of the local buckets
OPENREK_WEIGHTS          folder of the built models
OPENREK_WORKERS          inferences that run at once
OPENREK_THREADS          threads of one inference
OPENREK_QUEUE            requests that may wait, per kind of work, before the server answers ThrottlingException
OPENREK_MODERATION_TAXONOMY   the version whose names DetectModerationLabels uses: 7.0 (unless given) or 6.1
OPENREK_CELEBRITIES      the collection whose users RecognizeCelebrities knows: celebrities unless given
OPENREK_CELEBRITY_THRESHOLD   the least similarity of a celebrity, 0 to 100: 90 unless given
OPENREK_LABEL_PACK       the owner's label pack: a folder, or s3://bucket/prefix (docs/LABELS.md)

In AWS, instead of OPENREK_DATA:

OPENREK_TABLE            DynamoDB table of the items
OPENREK_BUCKET           S3 bucket of the blobs
OPENREK_KEYS             prefix of the SSM parameters that hold the access keys
OPENREK_ACCOUNT          the account's number, for ARNs
OPENREK_IMAGE_BUCKETS    buckets that an S3Object may name, with commas between them; without it, none
OPENREK_AWS_TIMEOUT      seconds that DynamoDB, S3 and SSM may take to answer; by default 3, 10 and 3
OPENREK_UPKEEP           the function to call for collections whose log has grown long
OPENREK_FUNCTIONS        for the router: the functions' names, with {operation} for an operation's name
"""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from openrek.domain.caller import NO_ACCOUNT
from openrek.domain.celebrities import CelebrityRule

LAMBDA_MB_PER_CORE = 1769
"""A function of this much memory gets one full core (AWS Lambda developer guide, "Configure memory")."""


OPERATION = "{operation}"
FUNCTIONS = re.compile(r"[A-Za-z0-9_-]{0,40}\{operation\}[A-Za-z0-9_-]{0,40}(:[A-Za-z0-9_-]{1,40})?")
FUNCTION = re.compile(r"[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,40})?")
ACCOUNT = re.compile(r"[0-9]{12}")
MODERATION = ("7.0", "6.1")
"""Versions of the taxonomy of moderation labels; the first one unless another is asked for."""
COLLECTION_ID = re.compile(r"[a-zA-Z0-9_.\-]{1,255}")
PERCENT = re.compile(r"[0-9]{1,2}(\.[0-9]{1,6})?|100(\.0{1,6})?")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class SettingsError(Exception):
    """An error in the settings or of the machine, as one sentence for the person who starts openrek."""


def default_weights() -> Path:
    """Return the folder where `openrek weights` builds the models: this Python's own, or where that is not ours to
    write, the user's.
    """
    of_python = Path(sys.prefix) / "share" / "openrek" / "weights"
    if of_python.is_dir() or os.access(sys.prefix, os.W_OK):
        return of_python
    return Path(os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")) / "openrek" / "weights"


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """The parts of a deployment. `upkeep` names a function; `keys` and `account` are as in the environment;
    `provisioned`: no request waits for the function's start; without `timeout_s` each client has its own.
    """

    table: str
    bucket: str
    keys: str | None = None
    account: str = NO_ACCOUNT
    image_buckets: frozenset[str] = frozenset()
    upkeep: str | None = None
    provisioned: bool = False
    timeout_s: int | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "AwsSettings | None":
        """Read the environment; return None without a table and a bucket. Raises SettingsError."""
        table, bucket = environ.get("OPENREK_TABLE"), environ.get("OPENREK_BUCKET")
        if not (table or bucket):
            return None
        if not (table and bucket):
            raise SettingsError("OPENREK_TABLE and OPENREK_BUCKET need each other: one of them is missing.")
        return cls(
            table,
            bucket,
            keys=environ.get("OPENREK_KEYS") or None,
            account=_like(environ, "OPENREK_ACCOUNT", ACCOUNT, "123456789012") or NO_ACCOUNT,
            image_buckets=_buckets(environ),
            upkeep=_like(environ, "OPENREK_UPKEEP", FUNCTION, "openrek-Upkeep:live"),
            provisioned=environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency",
            timeout_s=_whole(environ, "OPENREK_AWS_TIMEOUT", 0) or None,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process.

    `workers` inferences run at once with `threads` each; `queue` bounds the waiting requests of each kind of work.
    `search_bytes` of collections stay in memory for searches; None leaves the bound to the store. `moderation` is the
    version of the taxonomy that moderation answers in.
    `search_bytes` of collections stay in memory for searches; None leaves the bound to the store. `label_pack` is a
    folder or an s3:// URI.
    """

    data: Path | None
    weights: Path
    workers: int
    threads: int
    queue: int
    aws: AwsSettings | None = None
    search_bytes: int | None = None
    moderation: str = MODERATION[0]
    label_pack: str | None = None
    celebrities: CelebrityRule = field(default_factory=CelebrityRule)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment. Raises SettingsError."""
        data = environ.get("OPENREK_DATA")
        weights = environ.get("OPENREK_WEIGHTS")
        return cls(
            data=Path(data) if data else None,
            weights=Path(weights) if weights else default_weights(),
            workers=_whole(environ, "OPENREK_WORKERS", cores()),
            threads=_whole(environ, "OPENREK_THREADS", _threads(environ)),
            queue=_whole(environ, "OPENREK_QUEUE", 128),
            aws=AwsSettings.of(environ),
            search_bytes=_search_bytes(environ),
            moderation=_moderation(environ),
            label_pack=environ.get("OPENREK_LABEL_PACK") or None,
            celebrities=_celebrities(environ),
        )


def functions_of(environ: Mapping[str, str]) -> str:
    """Return the pattern of the functions' names. Raises SettingsError."""
    pattern = _like(environ, "OPENREK_FUNCTIONS", FUNCTIONS, f"openrek-{OPERATION}:live")
    if pattern is None:
        raise SettingsError(f"OPENREK_FUNCTIONS is missing: the functions' names, like openrek-{OPERATION}:live.")
    return pattern


def _like(environ: Mapping[str, str], name: str, pattern: re.Pattern[str], example: str) -> str | None:
    """Return the variable, or None if it is not set. Raises SettingsError unless it matches the pattern."""
    text = environ.get(name)
    if text and not pattern.fullmatch(text):
        raise SettingsError(f"{name} must be like {example}, not {text!r}.")
    return text or None


def _buckets(environ: Mapping[str, str]) -> frozenset[str]:
    names = frozenset(name.strip() for name in environ.get("OPENREK_IMAGE_BUCKETS", "").split(",") if name.strip())
    for name in sorted(names):
        if not BUCKET.fullmatch(name):
            raise SettingsError(f"OPENREK_IMAGE_BUCKETS must list names of buckets with commas; {name!r} is none.")
    return names


def _moderation(environ: Mapping[str, str]) -> str:
    text = environ.get("OPENREK_MODERATION_TAXONOMY") or MODERATION[0]
    if text not in MODERATION:
        raise SettingsError(f"OPENREK_MODERATION_TAXONOMY must be {' or '.join(MODERATION)}, not {text!r}.")
    return text


def _celebrities(environ: Mapping[str, str]) -> CelebrityRule:
    usual = CelebrityRule()
    collection_id = _like(environ, "OPENREK_CELEBRITIES", COLLECTION_ID, usual.collection_id)
    threshold = _like(environ, "OPENREK_CELEBRITY_THRESHOLD", PERCENT, f"{usual.threshold_pct:g}")
    return CelebrityRule(collection_id or usual.collection_id, float(threshold or usual.threshold_pct))


def _threads(environ: Mapping[str, str]) -> int:
    """Return the threads of one inference: one where many run at once; on Lambda the function's share of cores."""
    memory_mb = _memory_mb(environ)
    return 1 if memory_mb is None else max(1, round(memory_mb / LAMBDA_MB_PER_CORE))


def _search_bytes(environ: Mapping[str, str]) -> int | None:
    """Return a third of the function's memory on Lambda: a collection being opened, and all the rest, come on top."""
    memory_mb = _memory_mb(environ)
    return None if memory_mb is None else (memory_mb << 20) // 3


def _memory_mb(environ: Mapping[str, str]) -> int | None:
    """Return the memory of this Lambda function in MB; None elsewhere."""
    memory_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    return int(memory_mb) if memory_mb.isdecimal() else None


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= 6 or int(text) < 1:
        raise SettingsError(f"{name} must be a whole number from 1 to 999999, not {text!r}.")
    return int(text)
