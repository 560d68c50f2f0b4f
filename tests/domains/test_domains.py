from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from veracity.core.errors import ConfigError, DataError
from veracity.core.problem import Problem
from veracity.domains import DOMAINS, SHARES, Domain, Split, open_domain
from veracity.world.tiny import tiny_world
from veracity.world.tiny.curriculum import Curriculum

SPLITS = get_args(Split)


def numbered(count: int, per_cluster: int = 1) -> Domain:
    return Domain("d", lambda: (Problem(str(i), "d", "Who?", cluster=str(i // per_cluster)) for i in range(count)))


def test_world_questions_have_the_worlds_answers():
    world, qa = tiny_world(), open_domain("world-qa")
    facts = {f.id: f for f in world.facts}
    assert len(qa) == len(facts) == 8390
    for problem in qa.problems(200):
        fact = facts[problem.id]
        assert problem.gold == fact.value and set(fact.aliases) == set(problem.answers[1:])
        assert problem.question in [q.format(subject=fact.subject) for q in fact.questions]
        assert problem.detail("exposure") == fact.exposure
        told = fact.subject in Curriculum(world, 0).told
        assert problem.detail("told") is told and (not told or fact.exposure == 1)


def test_exposures_and_wordings_are_all_there():
    problems = open_domain("world-qa").problems(split="train")
    assert {p.detail("exposure") for p in problems} == {0.0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1.0}
    assert len({p.question for p in problems}) == len(problems)


def test_the_same_source_item_is_in_the_same_split_in_every_domain():
    for split in SPLITS:
        qa, choice = ({p.cluster for p in open_domain(n).problems(split=split)} for n in ("world-qa", "world-choice"))
        assert qa == choice
    other = Domain("other", lambda: [Problem("x", "other", "Who?", cluster="  ADA, Lovelace ")])
    same = Domain("same", lambda: [Problem("y", "same", "Where?", cluster="Ada Lovelace")])
    assert [bool(other.problems(split=s)) for s in SPLITS] == [bool(same.problems(split=s)) for s in SPLITS]


def test_all_is_every_split_in_one_draw():
    domain = numbered(50)
    everything = domain.problems(split="all", seed=3)
    assert len(everything) == 50 and domain.problems(7, split="all", seed=3) == everything[:7]
    for split in SPLITS:  # the order within a split is the one of that split alone
        own = domain.problems(split=split, seed=3)
        assert [p for p in everything if p in own] == list(own)


@pytest.mark.parametrize("name", ["world-qa", "world-choice"])
def test_splits_share_no_subject_and_have_their_sizes(name):
    found = open_domain(name)
    subjects = {split: {p.cluster for p in found.problems(split=split)} for split in SPLITS}
    total = sum(map(len, subjects.values()))
    assert total == len({e.name for e in tiny_world().entities} & set().union(*subjects.values()))
    assert sum(len(found.problems(split=split)) for split in SPLITS) == len(found)
    for split, share in SHARES.items():
        assert len(subjects[split]) / total == pytest.approx(share, abs=0.03)


def test_a_choice_has_one_right_option_and_no_favourite_place():
    problems = open_domain("world-choice").problems(split="train")
    by_id = {p.id: p for p in open_domain("world-qa").problems(split="train")}
    places = Counter(p.correct for p in problems)
    assert set(places) == {0, 1, 2, 3} and max(places.values()) / len(problems) < 0.27
    shared = [p for p in problems if p.id in by_id]
    assert shared and all(p.gold == by_id[p.id].gold for p in shared)


def test_draws_depend_on_the_seed_alone_and_are_nested():
    found = open_domain("world-qa")
    assert found.problems(20)[:5] == found.problems(5) == Domain("world-qa", found.make).problems(5)
    assert len(set(found.problems(20)) & set(found.problems(20, seed=1))) < 5
    assert found.identity == Domain("world-qa", found.make).identity


def test_adding_problems_moves_nobody():
    before = {p.id: split for split in SPLITS for p in numbered(50).problems(split=split)}
    after = {p.id: split for split in SPLITS for p in numbered(500).problems(split=split)}
    assert all(after[name] == split for name, split in before.items())


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda: open_domain("world-q"), "'world-qa'"),
        (lambda: numbered(50).problems(split="tests"), "'test'"),
        (lambda: numbered(50).problems(51), "cannot be drawn"),
        (lambda: numbered(50).problems(0), "cannot be drawn"),
    ],
)
def test_what_is_not_there_is_refused_by_name(ask, complaint):
    with pytest.raises(ConfigError, match=complaint):
        ask()


def test_a_domain_without_problems_or_with_an_id_twice_is_refused():
    with pytest.raises(DataError, match="no problems"):
        len(numbered(0))
    with pytest.raises(DataError, match="repeats the ids 1"):
        len(Domain("d", lambda: [Problem("1", "d", "Who?"), Problem("1", "d", "What?")]))


def test_the_registry_lists_the_shipped_domains():
    assert {"world-qa", "world-choice"} <= set(DOMAINS.names())
