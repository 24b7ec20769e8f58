"""What each function is in the template, and exactly what it may do."""

import pytest

from tests.infra.templates import Json, Synthesised, text

TABLE = "arn:<AWS::Partition>:dynamodb:<AWS::Region>:<AWS::AccountId>:table/<<openrek-table>>"
BUCKET = "arn:<AWS::Partition>:s3:::<<openrek-bucket>>"
KEYS = "arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/openrek/openrek/keys/*"
LAMBDA = "arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:openrek"

KEY = {("ssm:GetParameter", KEYS), ("ssm:GetParametersByPath", KEYS.removesuffix("/*"))}
LOOK = KEY | {("dynamodb:GetItem", TABLE), ("dynamodb:Query", TABLE)}
PUT = {("dynamodb:PutItem", TABLE)}
DELETE = {("dynamodb:DeleteItem", TABLE)}
CHANGE = LOOK | PUT | {("dynamodb:ConditionCheckItem", TABLE)}
REGROUP = LOOK | PUT | {("lambda:InvokeFunction", f"{LAMBDA}-Upkeep:live")}
REMOVE = REGROUP | DELETE
WRITE = CHANGE | REMOVE
SEARCH = LOOK | {("s3:GetObject", f"{BUCKET}/*"), ("s3:ListBucket", BUCKET)}
SEE = {
    (action, f"arn:<AWS::Partition>:s3:::{bucket}/*")
    for action in ("s3:GetObject", "s3:GetObjectVersion")
    for bucket in ("photos", "more-photos")
}
LIGHT = (512, 27, {"code", "aws"})
NUMBERS = (3008, 27, {"code", "aws", "numeric"})
FACES = (3008, 27, {"code", "aws", "numeric", "vision", "weights-faces"})
ATTRIBUTES = (3008, 27, {"code", "aws", "numeric", "vision", "weights-attributes"})
FACES_ATTRIBUTES = (3008, 27, {"code", "aws", "numeric", "vision", "weights-faces-attributes"})
LABELS = (3008, 27, {"code", "aws", "numeric", "vision", "weights-labels"})
MODERATION = (3008, 27, {"code", "aws", "numeric", "vision", "weights-moderation"})
EQUIPMENT = (3008, 27, {"code", "aws", "numeric", "vision", "weights-equipment"})

OPERATIONS = {
    "AssociateFaces": (*LIGHT, REGROUP),
    "CompareFaces": (*FACES, KEY | SEE),
    "CreateCollection": (*LIGHT, LOOK | PUT),
    "CreateUser": (*LIGHT, REGROUP),
    "DeleteCollection": (*LIGHT, LOOK | DELETE),
    "DeleteFaces": (*LIGHT, REMOVE),
    "DeleteUser": (*LIGHT, REMOVE),
    "DescribeCollection": (*LIGHT, LOOK),
    "DetectFaces": (*ATTRIBUTES, KEY | SEE),
    "DetectLabels": (*LABELS, KEY | SEE | {("s3:GetObject", f"{BUCKET}/labels/*"), ("s3:ListBucket", BUCKET)}),
    "DetectModerationLabels": (*MODERATION, KEY | SEE),
    "DetectProtectiveEquipment": (*EQUIPMENT, KEY | SEE),
    "DisassociateFaces": (*LIGHT, REGROUP),
    "ErasePerson": (*LIGHT, REMOVE),
    "GetCelebrityInfo": (*LIGHT, LOOK),
    "IndexFaces": (*FACES_ATTRIBUTES, WRITE | SEE),
    "ListCollections": (*LIGHT, LOOK | PUT),
    "ListFaces": (*LIGHT, LOOK | PUT),
    "ListTagsForResource": (*LIGHT, LOOK),
    "ListUsers": (*LIGHT, LOOK | PUT),
    "PutCelebrityInfo": (*LIGHT, REGROUP),
    "RecognizeCelebrities": (*FACES_ATTRIBUTES, SEARCH | SEE),
    "SearchAllFacesByImage": (*FACES_ATTRIBUTES, SEARCH | SEE),
    "SearchFaces": (*NUMBERS, SEARCH),
    "SearchFacesByImage": (*FACES, SEARCH | SEE),
    "SearchUsers": (*NUMBERS, SEARCH),
    "SearchUsersByImage": (*FACES, SEARCH | SEE),
    "TagResource": (*LIGHT, CHANGE),
    "UntagResource": (*LIGHT, CHANGE),
}
OTHERS = {
    "Router": (256, 29, {"code", "aws"}, {("lambda:InvokeFunction", f"{LAMBDA}-{name}:live") for name in OPERATIONS}),
    "Upkeep": (
        3008,
        900,
        {"code", "aws", "numeric"},
        (LOOK - KEY)
        | PUT
        | DELETE
        | {(f"s3:{action}", f"{BUCKET}/*") for action in ("GetObject", "PutObject", "DeleteObject")}
        | {("s3:ListBucket", BUCKET)},
    ),
}
EVERY = OPERATIONS | OTHERS


def allowed(statements: list[Json]) -> set[tuple[str, str]]:
    return {(action, place) for each in statements for action in each["Action"] for place in each["Resource"]}


@pytest.mark.parametrize("name", EVERY)
def test_a_function_has_its_size_layers_and_exactly_its_permissions(usual: Synthesised, name: str) -> None:
    memory_mb, timeout_s, layers, may = EVERY[name]
    function = usual.function(name)
    assert (function["MemorySize"], function["Timeout"], usual.layers(name)) == (memory_mb, timeout_s, layers)
    assert allowed(usual.statements(name)) == may
    assert (function["Runtime"], function["Architectures"], function["Handler"]) == (
        "python3.13",
        ["arm64"],
        "handler.handler",
    )


def test_the_functions_are_these(usual: Synthesised) -> None:
    names = {each["Properties"]["FunctionName"] for each in usual.every("AWS::Lambda::Function")}
    assert names == {f"openrek-{name}" for name in EVERY}


@pytest.mark.parametrize("name", ["ListCollections", "ListFaces", "ListUsers"])
def test_a_listing_may_write_the_secret_of_page_tokens_and_nothing_else(usual: Synthesised, name: str) -> None:
    (put,) = (each for each in usual.statements(name) if "dynamodb:PutItem" in each["Action"])
    assert put == {
        "Action": ["dynamodb:PutItem"],
        "Resource": [TABLE],
        "Condition": {
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["deployment"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    }


def test_no_other_statement_has_a_condition(usual: Synthesised) -> None:
    with_condition = {name for name in EVERY for each in usual.statements(name) if "Condition" in each}
    assert with_condition == {"DetectLabels", "ListCollections", "ListFaces", "ListUsers"}


def test_the_owners_labels_are_all_that_their_reader_may_list(usual: Synthesised) -> None:
    (listing,) = (each for each in usual.statements("DetectLabels") if "s3:ListBucket" in each["Action"])
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["labels/*"]}}


@pytest.mark.parametrize("name", EVERY)
def test_a_wildcard_has_a_recorded_reason(usual: Synthesised, name: str) -> None:
    metadata = usual.role(name).get("Metadata", {}).get("cdk_nag", {"rules_to_suppress": []})
    reasons = {each["id"]: each["reason"] for each in metadata["rules_to_suppress"]}
    wild = {place for _, place in allowed(usual.statements(name)) if "*" in place}
    stored = {each.replace("<<", "").replace(">>", "") for each in wild}
    assert set(reasons) == {f"AwsSolutions-IAM5[Resource::{place}]" for place in stored}
    assert all(len(reason) > 20 for reason in reasons.values())


def environment(deployment: Synthesised, name: str) -> dict[str, str]:
    return {key: text(value) for key, value in deployment.function(name)["Environment"]["Variables"].items()}


EVERYWHERE = {"POWERTOOLS_SERVICE_NAME": "openrek", "POWERTOOLS_METRICS_NAMESPACE": "openrek"}
STORE = EVERYWHERE | {"OPENREK_TABLE": "<<openrek-table>>", "OPENREK_BUCKET": "<<openrek-bucket>>"}
SIGNED = STORE | {"OPENREK_KEYS": "/openrek/openrek/keys/", "OPENREK_ACCOUNT": "<AWS::AccountId>"}
ASKING = {"OPENREK_UPKEEP": "openrek-Upkeep:live"}
NUMERIC = {"OPENBLAS_NUM_THREADS": "1"}
IMAGES = NUMERIC | {"OPENREK_IMAGE_BUCKETS": "photos,more-photos", "OPENREK_WEIGHTS": "/opt/weights"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ListFaces", SIGNED),
        ("DeleteFaces", SIGNED | ASKING),
        ("DetectFaces", SIGNED | IMAGES),
        ("IndexFaces", SIGNED | ASKING | IMAGES),
        ("SearchFaces", SIGNED | NUMERIC),
        ("Upkeep", STORE | NUMERIC),
        ("Router", EVERYWHERE | {"OPENREK_FUNCTIONS": "openrek-{operation}:live"}),
    ],
)
def test_the_environment_tells_a_function_what_it_needs(
    usual: Synthesised, name: str, expected: dict[str, str]
) -> None:
    assert environment(usual, name) == expected


@pytest.mark.parametrize("name", EVERY)
def test_everybody_calls_an_alias_of_the_newest_version(usual: Synthesised, name: str) -> None:
    function = next(
        key
        for key, each in usual.api["Resources"].items()
        if each.get("Properties", {}).get("FunctionName") == f"openrek-{name}"
    )
    alias = usual.only("AWS::Lambda::Alias", FunctionName={"Ref": function})["Properties"]
    assert alias["Name"] == "live"
    version = usual.api["Resources"][alias["FunctionVersion"]["Fn::GetAtt"][0]]
    assert version["Properties"]["FunctionName"] == {"Ref": function}
    warm = alias.get("ProvisionedConcurrencyConfig")
    assert warm == ({"ProvisionedConcurrentExecutions": 2} if name == "SearchFacesByImage" else None)


def test_logs_are_kept_as_long_as_asked(usual: Synthesised, turned_round: Synthesised) -> None:
    assert {each["Properties"]["RetentionInDays"] for each in usual.every("AWS::Logs::LogGroup")} == {30}
    assert {each["Properties"]["RetentionInDays"] for each in turned_round.every("AWS::Logs::LogGroup")} == {7}


def test_the_other_options_reach_every_function(turned_round: Synthesised) -> None:
    functions = turned_round.every("AWS::Lambda::Function")
    assert len(functions) == len(EVERY)
    for each in functions:
        assert each["Properties"]["Architectures"] == ["x86_64"]
        assert each["Properties"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    for layer in turned_round.every("AWS::Lambda::LayerVersion"):
        assert layer["Properties"]["CompatibleArchitectures"] == ["x86_64"]


def test_without_image_buckets_no_image_is_read_from_s3(turned_round: Synthesised) -> None:
    decrypt = {("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/0a1b")}
    assert allowed(turned_round.statements("DetectFaces")) == KEY | decrypt
    assert environment(turned_round, "DetectFaces")["OPENREK_IMAGE_BUCKETS"] == ""


def test_a_label_pack_is_read_by_what_answers_labels(usual: Synthesised, turned_round: Synthesised) -> None:
    assert environment(turned_round, "DetectLabels")["OPENREK_LABEL_PACK"] == "s3://models/packs/mine"
    read = ("s3:GetObject", "arn:<AWS::Partition>:s3:::models/packs/mine/*")
    assert {name for name in OPERATIONS if read in allowed(turned_round.statements(name))} == {"DetectLabels"}
    assert "OPENREK_LABEL_PACK" not in environment(usual, "DetectLabels")


def test_a_key_of_the_account_decrypts_only_through_ssm(turned_round: Synthesised) -> None:
    (decrypt,) = (each for each in turned_round.statements("ListFaces") if each["Action"] == ["kms:Decrypt"])
    service = decrypt["Condition"]["StringEquals"]["kms:ViaService"]
    assert text(service) == "ssm.<AWS::Region>.<AWS::URLSuffix>"
