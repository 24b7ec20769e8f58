"""NextTokens: good for one place of one deployment, whoever tampers with them, and short."""

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.domain.collections import collection_cursor
from openrek.domain.errors import InternalServerError, InvalidPaginationToken, Throttling
from openrek.store.collections.page_tokens import SealedPageTokens
from openrek.store.items.port import Items
from openrek.store.log.keys import deployment_key
from tests.store.faults import Fault, FaultyItems, always, at
from tests.store.synthetic import open_items
from tests.support.clocks import FakeClock


@pytest.mark.parametrize(
    "cursor", ["", "a", "0b54c1ac-6a55-4a0c-8a6a-4ac2ac0ac5f3", collection_cursor("x" * 255), "日本"]
)
def test_any_process_opens_what_another_sealed(items: Items, cursor: str) -> None:
    token = SealedPageTokens(items).seal("ListFaces 1", cursor)

    assert SealedPageTokens(items).open("ListFaces 1", token) == cursor
    assert len(token) <= 255
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_token_is_good_for_its_place_only(items: Items) -> None:
    tokens = SealedPageTokens(items)
    token = tokens.seal("ListFaces 1 ab", "cursor")

    for place in ("ListFaces 1 a", "ListFaces 1 abc", "ListFaces 2 ab", "ListCollections", "", "ListFaces 1 ab\0"):
        with pytest.raises(InvalidPaginationToken):
            tokens.open(place, token)


def test_another_deployment_does_not_open_it(items: Items, tmp_path: Path) -> None:
    other = open_items(tmp_path / "other")

    with pytest.raises(InvalidPaginationToken):
        SealedPageTokens(other).open("p", SealedPageTokens(items).seal("p", "cursor"))
    other.close()


def test_every_change_of_a_character_is_noticed(items: Items) -> None:
    tokens = SealedPageTokens(items)
    token = tokens.seal("p", "cursor12")
    for position in range(len(token)):
        for other in "Aa0-_=+/ é":
            forged = token[:position] + other + token[position + 1 :]
            if forged != token:
                with pytest.raises(InvalidPaginationToken):
                    tokens.open("p", forged)
    for forged in ("", "=", token + "=", token + "A", token + "\n", token[:-1], token[4:], token * 2):
        with pytest.raises(InvalidPaginationToken):
            tokens.open("p", forged)


def test_arbitrary_text_is_refused(items: Items) -> None:
    tokens = SealedPageTokens(items)

    @settings(max_examples=300, deadline=None)
    @given(st.one_of(st.text(), st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
    def refused(text: str) -> None:
        with pytest.raises(InvalidPaginationToken):
            tokens.open("p", text)

    refused()


@pytest.mark.parametrize("fault", [Fault.CONTENDED, Fault.LOST, Fault.UNSAID])
def test_the_secret_is_made_once(items: Items, fault: Fault) -> None:
    """Two processes make it at the same moment, and the store hiccups."""
    first = SealedPageTokens(items)
    faulty = FaultyItems(items, at(2, fault), before=lambda step: first.seal("p", "c") and None if step == 1 else None)

    token = SealedPageTokens(faulty, clock=FakeClock()).seal("p", "cursor")

    assert first.open("p", token) == "cursor"
    assert SealedPageTokens(items).open("p", token) == "cursor"


@pytest.mark.parametrize(
    ("fault", "refusal"), [(Fault.CONTENDED, Throttling), (Fault.LOST, InternalServerError)], ids=["busy", "silent"]
)
def test_a_store_that_never_answers_ends_the_call(items: Items, fault: Fault, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        SealedPageTokens(FaultyItems(items, always(fault)), clock=FakeClock()).seal("p", "cursor")


def test_a_token_has_the_length_that_is_documented_and_its_secret_32_bytes(items: Items) -> None:
    tokens = SealedPageTokens(items)
    assert len(tokens.seal("faces", "x" * 129)) == 194
    assert len(tokens.seal("faces", "")) == 22
    kept = items.get(deployment_key("page-token-secret"))
    assert kept is not None
    assert len(kept.attributes["secret"]) == 32
