"""World in the loop: tasks fixed before anybody looks, real investigators, uplift by hand, controls, what is redone."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_programs import run, scored, shown

from veracity.core.errors import (
    AgentLimitError,
    CapabilityError,
    ConfigError,
    ContextLengthError,
    EmptyReplyError,
    ServerError,
)
from veracity.core.problem import Problem
from veracity.core.requests import Act, Acted, Generate, Score
from veracity.core.trajectory import Step, Trajectory
from veracity.engine import Engine
from veracity.judging.world_in_the_loop import (
    Investigation,
    TaskSampling,
    TaskState,
    WorldSettings,
    WorldTask,
    arms_of,
    investigate,
    measure_uplift,
    plan_recompute,
    read_report,
    report_prompt,
    sample_tasks,
)
from veracity.judging.world_in_the_loop.base import Template
from veracity.judging.world_in_the_loop.recomputing import RecomputePolicy
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.metrics.row_estimates import row_estimates
from veracity.metrics.world_in_the_loop import NULLS, WORLD_TRIALS, task_states, world_metric_rows, world_rows
from veracity.models.agents.confinement import obstacle
from veracity.models.resolve import open_model

CONFINED = pytest.mark.skipif(bool(obstacle()), reason=f"agents cannot be confined here: {obstacle()}")
AGENTS = Path(__file__).with_name("investigators.py")
SETTINGS = WorldSettings(date(2026, 5, 31))
PROBLEM = Problem("p", "d", "Should the bridge be closed?", options=("yes", "no"), correct=0)
ANSWER = "Close it: the second pillar has deep cracks, and the ferry carries many people."
TRAJECTORY = Trajectory(PROBLEM, "direct", 0, PROBLEM.messages(), (Step(ANSWER),))
PILLAR = WorldTask("What did divers find at the bridge in May?", ("cracks", "no cracks"))
FERRY = WorldTask("How many people used the ferry a day?", ("More than 500", "500 or fewer"))
FOUND = Investigation(PILLAR, "Divers found deep cracks in the second pillar.", 0, "ok")
FILLER = "Tulips were once worth more than houses, and then nobody wanted them any more at any price at all."


def listed(*tasks: WorldTask, **more: Any) -> str:
    return json.dumps({"tasks": [{"question": t.question, "outcomes": list(t.outcomes)} for t in tasks], **more})


# Tasks


def test_tasks_are_fixed_with_all_their_outcomes() -> None:
    found, asked = run(sample_tasks(PROBLEM, ANSWER, SETTINGS), lambda _: listed(PILLAR, FERRY))
    assert found == TaskSampling((PILLAR, FERRY), "ok") and len(asked) == 1
    assert "2026-05-31" in shown(asked[0]) and PILLAR.id != FERRY.id


def test_blind_the_generator_sees_nothing_of_the_answer() -> None:
    """So two policies' answers to one question get the same tasks, from the same request."""
    _, blind = run(sample_tasks(PROBLEM, ANSWER, SETTINGS), lambda _: listed(PILLAR, FERRY))
    _, other = run(sample_tasks(PROBLEM, "Keep it open.", SETTINGS), lambda _: listed(PILLAR, FERRY))
    assert blind == other and "pillar" not in shown(blind[0])
    seeing = replace(SETTINGS, blind=False)
    _, asked = run(sample_tasks(PROBLEM, ANSWER + "</transcript>", seeing), lambda _: listed(PILLAR, FERRY))
    assert ANSWER in shown(asked[0]) and shown(asked[0]).count("</transcript>") == 1
    assert seeing.config != SETTINGS.config


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Count the cracks.", "no JSON object"),
        (listed(PILLAR), "no list of 2"),
        (listed(PILLAR, PILLAR), "two tasks are the same"),
        (listed(PILLAR, replace(FERRY, outcomes=("one",))), "no list of 2 to 12"),
        (listed(PILLAR, replace(FERRY, outcomes=("One", "one "))), "two outcomes are the same"),
        (listed(PILLAR, replace(FERRY, outcomes=("one", "unsettled"))), "or one is 'unsettled'"),
        (listed(PILLAR, replace(FERRY, question=" ")), "question is no text"),
    ],
)
def test_tasks_that_could_not_be_settled_are_refused_after_one_more_question(reply: str, reason: str) -> None:
    found, asked = run(sample_tasks(PROBLEM, ANSWER, SETTINGS), lambda _: reply)
    assert (found.tasks, found.status, len(asked)) == ((), "parse_failed", 2) and reason in (found.reason or "")


# Investigation


def test_the_investigator_gets_the_task_its_dates_and_its_limits_and_no_answer() -> None:
    settings = replace(SETTINGS, dollars=2.0)
    found, asked = run(investigate(PILLAR, settings), lambda _: Acted("Divers dived.\nOutcome: no cracks", ()))
    assert (found.report, found.outcome, found.status) == ("Divers dived.", 1, "ok")
    (request,) = asked
    assert isinstance(request, Act) and dict(request.budget) == {"seconds": 1200.0, "dollars": 2.0}
    assert "2026-05-31" in request.task and "Close it" not in request.task and "- no cracks" in request.task
    later = replace(settings, as_of=date(2026, 6, 30))
    assert run(investigate(PILLAR, later), lambda _: Acted("x\nOutcome: cracks", ()))[1] != asked


@pytest.mark.parametrize(
    ("said", "outcome", "status"),
    [
        ("It is so.\nOutcome: cracks", 0, "ok"),
        ("It is so.\n**Outcome:** “Cracks”.", 0, "ok"),
        ("Outcome: no cracks\nOn second thoughts.\nOutcome: cracks", 0, "ok"),
        ("It is so.\nOutcome: unsettled", None, "refused"),
        ("It is so.\nOutcome: some cracks", None, "parse_failed"),
        ("It is so: cracks.", None, "parse_failed"),
        ("Outcome: cracks", None, "parse_failed"),
    ],
)
def test_an_outcome_is_one_of_those_that_were_fixed(said: str, outcome: int | None, status: str) -> None:
    found = read_report(PILLAR, said)
    assert (found.outcome, found.status) == (outcome, status)
    assert (found.report is None) == (outcome is None) and "utcome" not in (found.report or "")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AgentLimitError("stopped at 1200 seconds"), "timed_out"),
        (ServerError("down"), "request_failed"),
        (EmptyReplyError("empty"), "request_failed"),
    ],
)
def test_an_investigator_that_fails_leaves_no_report(error: Exception, status: str) -> None:
    found, _ = run(investigate(PILLAR, SETTINGS), lambda _: error)
    assert (found.report, found.outcome, found.status, found.report_hash) == (None, None, status, None)
    with pytest.raises(ValueError, match="no report"):
        run(measure_uplift(PROBLEM, found, (), SETTINGS), lambda _: None)
    with pytest.raises(CapabilityError):
        run(investigate(PILLAR, SETTINGS), lambda _: CapabilityError("cannot act"))


@CONFINED
def test_real_agents_report_run_out_of_time_and_settle_nothing() -> None:
    found = {}
    for name, seconds in (("report", 30.0), ("endless", 1.5), ("puzzled", 30.0)):
        engine = Engine({"investigator": open_model(f"agent/{AGENTS}:{name}")})
        settings = replace(SETTINGS, seconds=seconds)
        found |= {
            (name, i): r
            for i, r in engine.run({t: investigate(w, settings) for t, w in (("p", PILLAR), ("f", FERRY))}).items()
        }
    assert found["report", "p"].outcome == found["report", "f"].outcome == 0
    assert found["report", "f"].report.endswith("own counts.")
    assert {found["endless", i].status for i in "pf"} == {"timed_out"}
    assert {found["puzzled", i].status for i in "pf"} == {"refused"}


# Uplift


def arms(answer: str = ANSWER, settings: WorldSettings = SETTINGS) -> Any:
    return arms_of(answer, settings, irrelevant=FILLER, other_policy="Keep it open.")


def test_arms_have_equal_lengths() -> None:
    found = {arm.arm: arm.text for arm in arms()}
    assert list(found) == ["answer", "irrelevant", "other_policy"]
    assert len(found["irrelevant"].split()) == len(ANSWER.split())
    with pytest.raises(ConfigError, match="fewer words"):
        arms_of(ANSWER, SETTINGS, irrelevant="Too short.", other_policy=None)
    assert len(arms_of(ANSWER, replace(SETTINGS, arms=("answer",)), irrelevant="", other_policy="x")) == 1
    for wrong in ((), ("irrelevant",), ("answer", "answer")):
        with pytest.raises(ConfigError, match="begin with answer"):
            replace(SETTINGS, arms=wrong)  # type: ignore[arg-type]


def forecaster(request: Any) -> Any:
    """Nats of the report −40, of "cracks" ln .8, of "no cracks" ln .2 where the answer is read; else −50, ½ and ½.

    After the other policy's answer and the filler: −47 and −49, and outcomes as without any.
    """
    text, said = shown(request), request.continuation
    reads = (
        "answer" if "Close it" in text else "other" if "Keep it open" in text else "filler" if "Tulips" in text else ""
    )
    if said == FOUND.report:
        return scored({"answer": -40.0, "other": -47.0, "filler": -49.0, "": -50.0}[reads], 20)
    odds = {"cracks": 0.08, "no cracks": 0.02} if reads == "answer" else {"cracks": 0.03, "no cracks": 0.03}
    return scored(math.log(odds[said]), 2)


def measured(settings: WorldSettings = SETTINGS, reply: Any = forecaster) -> Any:
    uplifts, asked = run(measure_uplift(PROBLEM, FOUND, arms(settings=settings), settings), reply)
    rows = world_rows(
        TRAJECTORY,
        TaskSampling((PILLAR,), "ok"),
        {PILLAR.id: FOUND},
        {PILLAR.id: uplifts},
        settings,
        arm="a",
        model="m",
    )
    return WORLD_TRIALS.frame(rows), asked


def values(trials: Any, minimum: int = 1) -> dict[str, Any]:
    rows = METRIC_ROWS.frame(world_metric_rows(trials, minimum=minimum))
    check_metric_rows(rows)
    return {row["metric"].removeprefix("world_in_the_loop."): row for row in rows.iter_rows(named=True)}


def test_uplift_by_hand() -> None:
    """−40 − (−50) = 10 over 20 tokens: .5. Controls gain .15 and .05, mean .1: .4 of it is the answer's own.

    The outcome: .08 of .08 + .02 is .8, without the answer ½: ln .8 − ln .5 = .4700; no control gains anything.
    """
    found = values(measured()[0])
    assert found["uplift"]["value"] == pytest.approx(10)
    assert found["uplift_per_token"]["value"] == pytest.approx(0.5)
    assert found["uplift_per_token_controlled"]["value"] == pytest.approx(0.4)
    assert found["outcome"]["value"] == pytest.approx(0.4700, abs=1e-4)
    assert found["outcome_controlled"]["value"] == pytest.approx(0.4700, abs=1e-4)
    assert all(row["direction"] == "higher" for row in found.values())
    alone = values(measured(replace(SETTINGS, arms=("answer",)))[0])
    assert alone["uplift_per_token"]["value"] == pytest.approx(0.5)
    assert alone["uplift_per_token_controlled"]["status"] == "insufficient"


@pytest.mark.parametrize("template", get_args(Template))
def test_each_template_shows_the_same_with_and_without_the_answer_but_for_the_answer(template: Any) -> None:
    settings = replace(SETTINGS, template=template)
    told, untold = (report_prompt(PROBLEM, PILLAR, a, settings)[0].content for a in (ANSWER, None))
    assert told.replace(f"<transcript>\n{ANSWER}\n</transcript>\n\n", "") == untold
    assert PILLAR.question in untold and "2026-05-31" in untold
    assert "cracks" not in untold  # neither the outcomes nor the report
    assert settings.config != replace(SETTINGS, template="vanilla" if template != "vanilla" else "toolcall").config
    assert ('"tool": "investigator"' in untold) == (template == "toolcall")


def test_rephrased_the_report_is_scored_in_other_words() -> None:
    def reply(request: Any) -> Any:
        if isinstance(request, Generate):
            return "Deep cracks. Second pillar."
        return scored(-10.0, 4)

    trials, asked = measured(replace(SETTINGS, template="rephrase"), reply)
    rewriting = [a for a in asked if isinstance(a, Generate)]
    assert len(rewriting) == 1 and (FOUND.report or "") in shown(rewriting[0])  # once for all arms
    assert {a.continuation for a in asked if isinstance(a, Score)} == {"Deep cracks. Second pillar.", *PILLAR.outcomes}
    assert trials["report"][0] == FOUND.report


def test_a_forecaster_that_fails_gives_no_number() -> None:
    for error, status in ((ServerError("down"), "request_failed"), (ContextLengthError("long"), "skipped")):
        trials, _ = measured(reply=lambda _, error=error: error)
        assert set(trials["status"]) == {status} and values(trials)["uplift"]["value"] is None
        assert values(trials)["uplift"]["status"] == status
    for nothing in (scored(float("-inf"), 2), scored(0.0, 1).__class__((), ())):
        assert set(measured(reply=lambda _, nothing=nothing: nothing)[0]["status"]) == {"skipped"}

    def moody(request: Any) -> Any:
        return ServerError("down") if "Tulips" in shown(request) else forecaster(request)

    found = values(measured(reply=moody)[0])  # the other control still stands
    assert found["uplift_per_token_controlled"]["value"] == pytest.approx(0.35)


def rows_of(sampled: TaskSampling, found: dict[str, Investigation], uplifts: Any = None) -> Any:
    return WORLD_TRIALS.frame(world_rows(TRAJECTORY, sampled, found, uplifts or {}, SETTINGS, arm="a", model="m"))


def test_every_stage_that_failed_has_its_name() -> None:
    both = TaskSampling((PILLAR, FERRY), "ok")
    late = {t.id: Investigation(t, None, None, "timed_out", "1200 s") for t in (PILLAR, FERRY)}
    assert values(rows_of(TaskSampling((), "parse_failed", "prose"), {}))["uplift"]["status"] == "parse_failed"
    assert values(rows_of(both, late))["uplift"]["status"] == "timed_out"
    assert values(rows_of(both, {PILLAR.id: FOUND}))["uplift"]["status"] == "insufficient"
    mixed = rows_of(both, {PILLAR.id: FOUND, FERRY.id: late[FERRY.id]})
    assert mixed["status"].to_list() == ["no_uplift", "timed_out"] and mixed["stage"].to_list() == ["investigation"] * 2
    assert "1 no_uplift, 1 timed_out" in values(mixed)["uplift"]["reason"]


# Recomputing

STATES = {
    "complete": {"t": TaskState(True, True), "u": TaskState(True, True)},
    "no uplift": {"t": TaskState(True, True), "u": TaskState(True, False)},
    "no report": {"t": TaskState(True, True), "u": TaskState(False, False)},
    "no tasks": {},
}


@pytest.mark.parametrize(
    ("policy", "plan"),
    [
        (
            "all",
            {
                "no uplift": (True, (), ()),
                "no report": (True, (), ()),
                "no tasks": (True, (), ()),
                "new": (True, (), ()),
            },
        ),
        ("investigation", {"no report": (False, ("u",), ())}),
        ("uplift", {"no uplift": (False, (), ("u",))}),
        (
            "upliftblanket",
            {
                "complete": (False, (), ("t", "u")),
                "no uplift": (False, (), ("t", "u")),
                "no report": (False, (), ("t",)),
            },
        ),
    ],
)
def test_what_each_policy_does_again(policy: Any, plan: dict[str, Any]) -> None:
    found = plan_recompute(policy, [*STATES, "new"], STATES)
    assert {name: (p.tasks, p.investigations, p.uplifts) for name, p in found.items()} == plan


@given(
    st.sampled_from(get_args(RecomputePolicy)),
    st.dictionaries(
        st.sampled_from("abc"),
        st.dictionaries(st.sampled_from("tuv"), st.builds(TaskState, st.booleans(), st.booleans())),
    ),
)
def test_nothing_is_scored_without_a_report_and_what_is_complete_is_left_alone(policy: Any, states: Any) -> None:
    for name, plan in plan_recompute(policy, list(states), states).items():
        assert all(states[name][task].report for task in plan.uplifts)
        assert not any(states[name][task].report for task in plan.investigations)
        complete = bool(states[name]) and all(s.report and s.uplift for s in states[name].values())
        assert not complete or policy == "upliftblanket"


def test_states_are_read_off_the_table() -> None:
    late = Investigation(FERRY, None, None, "timed_out", "1200 s")
    uplifts, _ = run(measure_uplift(PROBLEM, FOUND, arms(), SETTINGS), forecaster)
    trials = rows_of(TaskSampling((PILLAR, FERRY), "ok"), {PILLAR.id: FOUND, FERRY.id: late}, {PILLAR.id: uplifts})
    name = TRAJECTORY.identity("m")
    assert task_states(trials) == {name: {PILLAR.id: TaskState(True, True), FERRY.id: TaskState(False, False)}}
    assert plan_recompute("uplift", [name], task_states(trials)) == {}


@CONFINED
def test_with_real_agents_a_right_answer_lifts_more_than_a_wrong_one_and_filler() -> None:
    """To the forecaster, a simulated agent, words that it has read are likelier, in reports as in outcomes."""
    engine = Engine(
        {"investigator": open_model(f"agent/{AGENTS}:report"), "forecaster": open_model("sim/bayesian?facts=none")}
    )
    settings = replace(SETTINGS, tasks=1, seconds=30)
    found = engine.run({"x": investigate(FERRY, settings)})["x"]
    answers = {
        "right": "The ferry carried 900 people a day in May, the harbour counts say: More than 500 .",
        "wrong": "All is well with it and the paint is fresh; nobody needs to worry, they are home.",
    }
    rows = []
    for arm, answer in answers.items():
        for n in range(8):
            problem = replace(PROBLEM, id=f"p{n}", question=f"Should bridge {n} be closed?")
            trajectory = Trajectory(problem, "direct", 0, problem.messages(), (Step(answer),))
            shown_arms = arms_of(answer, settings, irrelevant=FILLER, other_policy=None)
            uplifts = engine.run({"x": measure_uplift(problem, found, shown_arms, settings)})["x"]  # type: ignore[arg-type]
            sampled = TaskSampling((FERRY,), "ok")
            rows += world_rows(
                trajectory, sampled, {FERRY.id: found}, {FERRY.id: uplifts}, settings, arm=arm, model="m"
            )  # type: ignore[arg-type,dict-item]
    table = METRIC_ROWS.frame(world_metric_rows(WORLD_TRIALS.frame(rows)))
    by_arm = {arm: row_estimates(table.filter(table["arm"] == arm), seed=1, nulls=NULLS) for arm in answers}
    name = "world_in_the_loop.uplift_per_token_controlled"
    right, wrong = (by_arm[arm][name].estimate for arm in ("right", "wrong"))
    assert right.ci_low > 0.5 and right.ci_low > wrong.ci_high and right.null == 0 and right.clusters == 8
    outcome = "world_in_the_loop.outcome"
    assert by_arm["right"][outcome].estimate.value > by_arm["wrong"][outcome].estimate.value
