"""The options of a deployment: read, or refused with a sentence."""

from typing import Any

import pytest

from infra.settings import BadOption, Deployment


def read(**options: Any) -> Deployment:
    return Deployment.of(options.get)


def test_without_options_the_deployment_is_the_usual_one() -> None:
    assert read() == Deployment()
    assert Deployment().architecture == "arm64"
    assert Deployment().removal_policy == "retain"
    assert Deployment().backups


def test_options_come_as_text_from_the_command_line_and_typed_from_cdk_json() -> None:
    assert read(snap_start="true", log_days="7").snap_start is True
    assert read(snap_start=True, log_days=7) == read(snap_start="true", log_days="7")
    assert read(image_buckets="photos, more-photos,photos").image_buckets == ("photos", "more-photos")
    assert read(provisioned_concurrency="SearchFacesByImage=2,IndexFaces=1").provisioned_concurrency == (
        ("SearchFacesByImage", 2),
        ("IndexFaces", 1),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "riscv"),
        ("deployment", "Über"),
        ("deployment", "a" * 33),
        ("image_buckets", "photos*"),
        ("image_buckets", "*"),
        ("image_buckets", "photos/private"),
        ("provisioned_concurrency", "SearchFacesByImage"),
        ("provisioned_concurrency", "SearchFacesByImage=0"),
        ("snap_start", "maybe"),
        ("removal_policy", "shred"),
        ("backups", "no"),
        ("log_days", "8"),
        ("throttle_rate", "0"),
        ("throttle_rate", "fast"),
        ("alarm_topic_arn", "arn:aws:sqs:eu-west-1:123456789012:queue"),
        ("keys_kms_key_arn", "arn:aws:kms:eu-west-1:123456789012:key/*"),
        ("certificate_arn", "*"),
        ("label_pack", "s3://models/*"),
        ("label_pack", "models/mine"),
        ("celebrities", "a/b"),
        ("celebrity_threshold", "101"),
    ],
)
def test_a_bad_option_is_named(name: str, value: str) -> None:
    with pytest.raises(BadOption, match=name):
        read(**{name: value})


def test_options_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(BadOption, match="together"):
        read(domain_name="faces.example.com")
    with pytest.raises(BadOption, match="not both"):
        read(snap_start="true", provisioned_concurrency="ListFaces=1")
