"""The arithmetic against the examples that AWS publishes: its Signature Version 4 test suite.

Key `AKIDEXAMPLE` with the suite's secret, 2015-08-30T12:36:00Z, us-east-1, service `service`.
"""

import pytest

from openrek.wire.canonical import canonical_request, sha256, signature, string_to_sign

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TIME = "20150830T123600Z"
PLAIN = (("host", "example.amazonaws.com"), ("x-amz-date", TIME))
EMPTY = sha256(b"")
VANILLA = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
POST = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"


def sign(
    method: str = "GET",
    path: str = "/",
    query: str = "",
    more: tuple[tuple[str, str], ...] = (),
    payload: str = EMPTY,
) -> str:
    canonical = canonical_request(method, path, query, sorted((*PLAIN, *more)), payload)
    text = string_to_sign(TIME, "20150830/us-east-1/service/aws4_request", canonical)
    return signature(SECRET, "20150830", "us-east-1", "service", text)


def test_the_canonical_request_of_the_user_guide() -> None:
    headers = (
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", TIME),
    )
    canonical = canonical_request("GET", "/", "Action=ListUsers&Version=2010-05-08", headers, EMPTY)
    assert sha256(canonical.encode()) == "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    text = string_to_sign(TIME, "20150830/us-east-1/iam/aws4_request", canonical)
    found = signature(SECRET, "20150830", "us-east-1", "iam", text)
    assert found == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


@pytest.mark.parametrize("path", ["/", "//", "/./", "/example/..", "/example1/example2/../..", "/../..", "/./././"])
def test_paths_that_lead_to_the_root(path: str) -> None:
    assert sign(path=path) == VANILLA


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/\u1234", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("/example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
        ("//example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        ("/./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
        (
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
    ],
)
def test_paths_are_normalised_and_encoded(path: str, expected: str) -> None:
    assert sign(path=path) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Param1=value1", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        ("Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("Param1=value2&Param1=Value1", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"),
        ("Param1=Value1&Param1=value2", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"),
        ("\u1234=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ],
)
def test_queries_are_sorted_and_encoded(query: str, expected: str) -> None:
    assert sign(query=query) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ((("my-header1", "value2,value2,value1"),), "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
        (
            (("my-header1", " value1"), ("my-header2", ' "a   b   c"')),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ],
)
def test_values_of_headers_are_trimmed(more: tuple[tuple[str, str], ...], expected: str) -> None:
    assert sign(more=more) == expected


def test_bodies_and_more_headers() -> None:
    assert sign("POST") == POST
    assert sign("POST", more=(("my-header1", "value1"),)) == (
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"
    )
    form = (("content-type", "application/x-www-form-urlencoded"),)
    assert sign("POST", more=form, payload=sha256(b"Param1=value1")) == (
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    )
