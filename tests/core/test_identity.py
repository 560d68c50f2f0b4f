"""Equal values share a hash, different values never do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.identity import canonical_json, content_hash, derive_seed
from veracity.core.requests import Generate, Message, Sampling, Score, request_hash, user

atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=4)
        | st.frozensets(atoms, max_size=4)
    ),
    max_leaves=12,
)


def typed(value: object) -> object:
    """A value with its types spelled out, compared by Python: the reference for "the same value"."""
    if isinstance(value, dict):
        return ("dict", frozenset((typed(k), typed(v)) for k, v in value.items()))
    if isinstance(value, list):
        return ("list", tuple(typed(v) for v in value))
    if isinstance(value, frozenset):
        return ("set", frozenset(typed(v) for v in value))
    return (type(value).__name__, repr(value))


@given(values, values)
def test_hashes_are_equal_exactly_when_the_values_are(one: object, other: object) -> None:
    assert (content_hash(one) == content_hash(other)) == (typed(one) == typed(other))


@given(st.dictionaries(st.text(), atoms, max_size=6))
def test_the_order_of_keys_does_not_matter(mapping: dict[str, object]) -> None:
    assert content_hash(mapping) == content_hash(dict(reversed(mapping.items())))


@given(
    st.recursive(
        atoms, lambda inner: st.lists(inner) | st.dictionaries(st.from_regex("[a-z]{1,3}", fullmatch=True), inner)
    )
)
def test_plain_values_are_written_as_ordinary_json(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: int
    y: object = None


@dataclass(frozen=True)
class Place:
    x: int
    y: object = None


def test_what_means_the_same_in_a_recipe_hashes_alike() -> None:
    assert content_hash((1, [2])) == content_hash([1, (2,)])
    assert content_hash(Path("a/b")) == content_hash("a/b")
    assert content_hash({"c": Colour.RED}) == content_hash({"c": "red"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Point(1), Place(1)),
        (Point(1), {"__type__": "Point", "x": 1, "y": None}),
        ({1: "a"}, {"1": "a"}),
        ({"__set__": [1]}, {1}),
        ("\ud83d\ude00", "\U0001f600"),
        (1, 1.0),
        (1, True),
        ("1", 1),
        ([1, 2], {1, 2}),
    ],
)
def test_what_looks_alike_but_differs_hashes_apart(one: object, other: object) -> None:
    assert content_hash(one) != content_hash(other)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("nan")], {"a": Point(1, float("nan"))}])
def test_not_a_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        content_hash(value)


@pytest.mark.parametrize("value", [b"bytes", object(), [bytearray(b"x")], 1j])
def test_a_value_without_canonical_form_is_refused_by_type(value: object) -> None:
    with pytest.raises(TypeError, match="has no canonical form"):
        content_hash(value)


def test_a_hash_is_the_same_in_every_process_and_version() -> None:
    # SHA-256 of {"a":[1,2.5,"ü"],"b":{"__type__":"Point","x":1,"y":null}} in UTF-8, by `sha256sum`
    assert (
        content_hash({"b": Point(1), "a": (1, 2.5, "ü")})
        == "1a045840e4c6585f22ad906a1d43f1069bb243cb30f5e2b9b148bc522f8e061a"
    )


def test_requests_hash_by_what_is_asked_not_by_who_or_how_often() -> None:
    base = Generate("judge", user("hello"), n=1, sampling=Sampling(temperature=1))
    assert request_hash(base) == request_hash(Generate("policy", user("hello"), n=9, sampling=Sampling(1.0)))
    assert request_hash(base) != request_hash(Generate("judge", user("hello"), sampling=Sampling(1.0, seed=1)))
    assert request_hash(base) != request_hash(Generate("judge", "hello", sampling=Sampling(1.0)))
    assert request_hash(base) != request_hash(
        Generate("judge", (Message("system", "hello"),), sampling=Sampling(temperature=1))
    )
    assert request_hash(Score("a", "x", "yz")) != request_hash(Score("a", "xy", "z"))


@given(st.integers(0, 2**31), st.text(max_size=5), st.text(max_size=5))
def test_a_seed_has_63_bits_and_depends_on_each_part(seed: int, purpose: str, item: str) -> None:
    drawn = derive_seed(seed, purpose, item)
    assert 0 <= drawn < 2**63
    assert drawn != derive_seed(seed + 1, purpose, item)
    assert drawn != derive_seed(seed, purpose + "x", item)
