"""Programs played from Python: whoever is named plays the role, a failure is one's own, and nothing is asked twice."""

from __future__ import annotations

import asyncio

import pytest

import veracity
from veracity.core.errors import ConfigError
from veracity.core.records import Failure
from veracity.core.requests import Call, Generate, Generated, Program, Sample, user
from veracity.models.instant import InstantModel
from veracity.plays import Roles


def said(text: str) -> InstantModel:
    """A model that says its name and the question, and counts on nothing else."""

    def reply(call: Call) -> Generated:
        return Generated((Sample(f"{text}:{call.request.prompt[-1].content}", "stop", 1),))

    return InstantModel(reply, identity=text)


def debate(topic: str) -> Program[tuple[str, str]]:
    """One word of each of two roles, the second on the first's."""
    first: Generated = yield Generate("pro", user(topic))
    second: Generated = yield Generate("con", user(first.samples[0].text))
    return first.samples[0].text, second.samples[0].text


def test_backends_and_loaded_models_play_the_roles_that_they_are_given() -> None:
    roles: Roles = {"pro": said("A"), "con": veracity.Model(said("B"), ledger=None)}
    assert veracity.play(debate("x"), roles, ledger=None) == ("A:x", "B:A:x")
    swapped: Roles = {"pro": roles["con"], "con": roles["pro"]}
    assert asyncio.run(veracity.aplay(debate("x"), swapped, ledger=None)) == ("B:x", "A:B:x")


def test_names_are_loaded_once_and_play_several_roles() -> None:
    first, second = veracity.play(debate("Hello?"), {"pro": "tiny", "con": "tiny"}, ledger=None)
    assert second and first.strip() == veracity.load("tiny", ledger=None).infer("Hello?")


def test_one_program_raises_its_error_and_among_many_it_is_a_failure() -> None:
    def broken() -> Program[tuple[str, str]]:
        yield Generate("pro", user("x"))
        raise ValueError("no such side")

    roles: Roles = {"pro": said("A"), "con": said("B")}
    with pytest.raises(ValueError, match="no such side"):
        veracity.play(broken(), roles, ledger=None)
    found = veracity.play_many({"good": debate("x"), "bad": broken()}, roles, ledger=None)
    assert found["good"] == ("A:x", "B:A:x")
    assert isinstance(lost := found["bad"], Failure) and (lost.item, lost.kind) == ("bad", "ValueError")
    assert list(found) == ["good", "bad"]


def test_a_role_that_nobody_plays_is_named() -> None:
    with pytest.raises(ConfigError, match="con"):
        veracity.play(debate("x"), {"pro": said("A")}, ledger=None)


def test_what_the_ledger_has_is_not_asked_again(tmp_path: object) -> None:
    asked = []

    def counted(call: Call) -> Generated:
        asked.append(call)
        return Generated((Sample("yes", "stop", 1),))

    model = InstantModel(counted, identity="counted")
    for _ in range(2):
        veracity.play(debate("x"), {"pro": model, "con": model}, ledger=f"{tmp_path}/ledger.sqlite")
    assert len(asked) == 2


def test_a_program_is_played_once() -> None:
    """A generator that ran before would come to None, which is no result."""
    program, roles = debate("x"), {"pro": said("A"), "con": said("B")}
    veracity.play(program, roles, ledger=None)
    with pytest.raises(ConfigError, match="was played before"):
        veracity.play(program, roles, ledger=None)
    with pytest.raises(ConfigError, match="program again was"):
        veracity.play_many({"new": debate("x"), "again": program}, roles, ledger=None)


def test_a_budget_stops_in_time() -> None:
    roles: Roles = {"pro": said("A"), "con": said("B")}
    found = veracity.play_many({"x": debate("x")}, roles, ledger=None, budget=veracity.Budget(requests=1))
    assert isinstance(lost := found["x"], Failure) and lost.kind == "BudgetExceededError"
