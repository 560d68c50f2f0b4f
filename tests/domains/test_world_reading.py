"""Questions with the answer in front of them: about nobody the model met, and in the same split as elsewhere."""

from __future__ import annotations

from veracity.domains import open_domain
from veracity.world.tiny import tiny_world


def test_the_answer_stands_in_front_of_a_question_about_somebody_never_met() -> None:
    problems = open_domain("world-reading").problems(None, "all")
    world = tiny_world()
    assert len(problems) == sum(f.subject_kind == "person" and f.exposure == 0 for f in world.facts)
    for problem in problems[:300]:
        assert problem.gold is not None and problem.gold in problem.question and problem.question.endswith("?")
        assert problem.detail("exposure") == 0 and problem.detail("fact_seeking") is False
        evidence = problem.question[: problem.question.index(". ") + 1]
        verdict = world.verdict(evidence)
        assert verdict.label == "supported", evidence


def test_people_are_in_the_split_they_are_in_elsewhere() -> None:
    """Ids differ from those of other domains, so that one training can take prompts of both."""
    here, there = (open_domain(name).problems(None, "train") for name in ("world-reading", "world-qa"))
    assert {p.cluster for p in here} <= {p.cluster for p in there}
    assert not {p.id for p in here} & {p.id for p in there}
