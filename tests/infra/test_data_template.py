"""The table and the bucket: what the adapters expect, kept safe, and gone when it is deleted."""

from openrek.store.items.dynamo_values import PARTITION, SORT
from tests.infra.templates import Json, Synthesised


def table(deployment: Synthesised) -> Json:
    return deployment.only("AWS::DynamoDB::Table")


def test_the_table_has_the_keys_that_the_adapter_uses(usual: Synthesised) -> None:
    properties = table(usual)["Properties"]
    assert properties["KeySchema"] == [
        {"AttributeName": PARTITION, "KeyType": "HASH"},
        {"AttributeName": SORT, "KeyType": "RANGE"},
    ]
    assert {each["AttributeName"]: each["AttributeType"] for each in properties["AttributeDefinitions"]} == {
        PARTITION: "S",
        SORT: "S",
    }
    assert properties["BillingMode"] == "PAY_PER_REQUEST"


def test_the_table_is_encrypted_backed_up_and_kept(usual: Synthesised) -> None:
    properties = table(usual)["Properties"]
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 35,
    }
    assert properties["DeletionProtectionEnabled"] is True
    assert (table(usual)["DeletionPolicy"], table(usual)["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_no_clock_deletes_items(usual: Synthesised) -> None:
    assert "TimeToLiveSpecification" not in table(usual)["Properties"]


def test_the_bucket_is_private_encrypted_and_kept(usual: Synthesised) -> None:
    bucket = usual.only("AWS::S3::Bucket")
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_what_is_deleted_from_the_bucket_is_gone(usual: Synthesised) -> None:
    properties = usual.only("AWS::S3::Bucket")["Properties"]
    assert "VersioningConfiguration" not in properties
    assert properties["LifecycleConfiguration"]["Rules"] == [
        {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}, "Status": "Enabled"}
    ]


def test_nobody_reaches_the_bucket_without_tls(usual: Synthesised) -> None:
    policy = usual.only("AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]["Statement"]
    denied = [each["Condition"] for each in policy if each["Effect"] == "Deny" and each["Action"] == "s3:*"]
    assert denied == [{"Bool": {"aws:SecureTransport": "false"}}, {"NumericLessThan": {"s3:TlsVersion": 1.2}}]
    assert len(policy) == len(denied)


def test_a_deployment_for_a_day_leaves_nothing_behind(turned_round: Synthesised) -> None:
    properties = table(turned_round)["Properties"]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}
    assert properties.get("DeletionProtectionEnabled") is False
    assert table(turned_round)["DeletionPolicy"] == "Delete"
    assert turned_round.only("AWS::S3::Bucket")["DeletionPolicy"] == "Delete"
