from pathlib import Path

import pytest

from openrek.domain.celebrities import CelebrityRule
from openrek.runtime.settings import AwsSettings, Settings, SettingsError, cores, default_weights


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.of({}) == Settings(data=None, weights=default_weights(), workers=cores(), threads=1, queue=128)


def test_the_environment_is_read() -> None:
    environ = {
        "OPENREK_DATA": "/d",
        "OPENREK_WEIGHTS": "/w",
        "OPENREK_WORKERS": "3",
        "OPENREK_THREADS": "2",
        "OPENREK_QUEUE": "7",
    }
    assert Settings.of(environ) == Settings(data=Path("/d"), weights=Path("/w"), workers=3, threads=2, queue=7)


@pytest.mark.parametrize(("memory_mb", "threads"), [("512", 1), ("1769", 1), ("3538", 2), ("10240", 6)])
def test_on_lambda_one_inference_takes_the_share_of_cores(memory_mb: str, threads: int) -> None:
    assert Settings.of({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory_mb}).threads == threads


def test_on_lambda_a_third_of_the_memory_is_for_collections() -> None:
    assert Settings.of({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008"}).search_bytes == 3008 * 1024 * 1024 // 3
    assert Settings.of({}).search_bytes is None


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1000000", "٣"])
def test_a_bad_number_is_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^OPENREK_QUEUE must be a whole number.*\.$"):
        Settings.of({"OPENREK_QUEUE": text})


def test_celebrities_have_a_collection_and_a_threshold() -> None:
    assert Settings.of({}).celebrities == CelebrityRule("celebrities", 90.0)
    given = {"OPENREK_CELEBRITIES": "stars", "OPENREK_CELEBRITY_THRESHOLD": "99.5"}
    assert Settings.of(given).celebrities == CelebrityRule("stars", 99.5)
    for name, wrong in (
        ("OPENREK_CELEBRITIES", "a b"),
        ("OPENREK_CELEBRITY_THRESHOLD", "101"),
        ("OPENREK_CELEBRITY_THRESHOLD", "-1"),
        ("OPENREK_CELEBRITY_THRESHOLD", "nan"),
    ):
        with pytest.raises(SettingsError, match=f"^{name} must be like"):
            Settings.of({name: wrong})


AWS = {"OPENREK_TABLE": "items", "OPENREK_BUCKET": "blobs"}


def test_a_table_and_a_bucket_are_enough_in_aws() -> None:
    assert Settings.of(AWS).aws == AwsSettings("items", "blobs")


def test_the_environment_of_a_function_is_read() -> None:
    environ = {
        **AWS,
        "OPENREK_KEYS": "/openrek/main/keys/",
        "OPENREK_ACCOUNT": "123456789012",
        "OPENREK_IMAGE_BUCKETS": " photos, more.photos ,",
        "OPENREK_UPKEEP": "openrek-Upkeep:live",
        "OPENREK_AWS_TIMEOUT": "60",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency",
    }
    assert Settings.of(environ).aws == AwsSettings(
        "items",
        "blobs",
        keys="/openrek/main/keys/",
        account="123456789012",
        image_buckets=frozenset({"photos", "more.photos"}),
        upkeep="openrek-Upkeep:live",
        provisioned=True,
        timeout_s=60,
    )


@pytest.mark.parametrize("missing", AWS)
def test_table_and_bucket_need_each_other(missing: str) -> None:
    with pytest.raises(SettingsError, match="OPENREK_TABLE and OPENREK_BUCKET need each other"):
        Settings.of({name: value for name, value in AWS.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OPENREK_IMAGE_BUCKETS", "photos,*"),
        ("OPENREK_IMAGE_BUCKETS", "photos/one"),
        ("OPENREK_IMAGE_BUCKETS", "arn:aws:s3:::photos"),
        ("OPENREK_ACCOUNT", "<AWS::AccountId>"),
        ("OPENREK_UPKEEP", "openrek upkeep"),
        ("OPENREK_UPKEEP", "../x"),
    ],
)
def test_what_cannot_be_right_is_one_sentence(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} must .*\.$"):
        Settings.of({**AWS, name: text})
