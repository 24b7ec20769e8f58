"""Two deployments, synthesised once: one with the usual options, one with every option turned round."""

import pytest

from tests.infra.templates import Synthesised

REGION = "eu-west-1:123456789012"
TURNED_ROUND = {
    "architecture": "x86_64",
    "snap_start": "true",
    "removal_policy": "destroy",
    "backups": "false",
    "log_days": "7",
    "throttle_rate": "5",
    "throttle_burst": "9",
    "domain_name": "faces.example.com",
    "certificate_arn": f"arn:aws:acm:{REGION}:certificate/0a1b",
    "alarm_topic_arn": f"arn:aws:sns:{REGION}:alarms",
    "label_pack": "s3://models/packs/mine",
    "celebrities": "stars",
    "celebrity_threshold": 95,
    "keys_kms_key_arn": f"arn:aws:kms:{REGION}:key/0a1b",
}


@pytest.fixture(scope="session")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    options = {"image_buckets": "photos,more-photos", "provisioned_concurrency": "SearchFacesByImage=2"}
    return Synthesised(tmp_path_factory.mktemp("usual"), options)


@pytest.fixture(scope="session")
def turned_round(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return Synthesised(tmp_path_factory.mktemp("turned-round"), TURNED_ROUND)
