"""Truth-seeking domains: published schemas, samples of known truth, and no prompt that tells the answer."""

from __future__ import annotations

import asyncio
import json
import math
from itertools import pairwise, product
from pathlib import Path

import pytest
from typer.testing import CliRunner

from veracity.cli.app import app
from veracity.core.errors import ConfigError, DataError
from veracity.core.problem import Problem
from veracity.core.requests import Call, Generate, Generated, Message, Sampling, user
from veracity.domains import SHARES, domain_spec, open_domain, provenance_of
from veracity.domains.base import DOMAINS
from veracity.domains.forecast_worlds import elo, forecast
from veracity.domains.forecasting import without_quotes
from veracity.domains.submissions import accept_probability
from veracity.judging.beliefs import BeliefSettings, belief_queries, read_beliefs
from veracity.judging.prompting import render
from veracity.models.simulated import POLICIES, SimulatedAgent
from veracity.reasoning import ReasoningSettings, open_mode

FIXTURES = Path(__file__).parent / "fixtures"
FILES = {
    "research": "research.json", "forecasting": "forecasting.json", "cmv-binary": "cmv_binary.json",
    "cmv-free-form": "cmv_free_form.jsonl", "openreview": "openreview.jsonl", "conceptual": "conceptual.json",
    "intellectual-demonstration": "demonstrations.json", "wildchat": "wildchat.jsonl",
}  # fmt: skip
SAMPLES = {
    "research": 20, "forecasting": 2500, "evidence": 2500, "cmv-binary": 24, "cmv-free-form": 10, "openreview": 30,
    "conceptual": 12, "intellectual-demonstration": 12, "wildchat": 20,
}  # fmt: skip


def made(name: str, **given: str | int | float | bool) -> list[Problem]:
    """All problems of the fixture."""
    return list(open_domain(domain_spec(name, path=str(FIXTURES / FILES[name]), **given)).make())


def everything(spec: str) -> tuple[Problem, ...]:
    return open_domain(spec).problems(split="all")


def shown(problem: Problem) -> str:
    """What a model sees, in the canonical order of the options."""
    (message,) = problem.messages()
    return message.content


# --- samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_there_offline_and_says_what_it_is(name: str) -> None:
    problems = everything(name)
    assert len(problems) >= SAMPLES[name] and all(p.domain == name and p.cluster for p in problems)
    assert all("not comparable to published numbers" in p.source for p in problems)
    stated = provenance_of(name)
    assert stated is not None and stated.licence == "CC0-1.0" and "not comparable" in stated.note
    splits = {split: {p.cluster for p in open_domain(name).problems(split=split)} for split in SHARES}
    assert sum(map(len, splits.values())) == len({p.cluster for p in problems}) == len(set().union(*splits.values()))
    assert everything(name) == problems and open_domain(name).problems(split="test")


def test_five_hundred_to_test_on_and_thousands_to_train_on() -> None:
    for name in ("evidence", "forecasting"):
        assert len(open_domain(name).problems(500)) == 500 and len(open_domain(name).problems(split="train")) > 2000
    assert len(everything("forecasting?n=30&worlds=dice&seed=5")) == 30
    assert everything("forecasting?n=9") != everything("forecasting?n=9&seed=1")
    few, many = ({p.id: p for p in everything(f"forecasting?n={n}")} for n in (30, 60))
    assert few.items() <= many.items()  # a question does not depend on how many are asked for


def test_every_domain_says_where_its_rows_come_from_and_under_which_licence() -> None:
    assert len(DOMAINS.names()) >= 26
    for name in DOMAINS.names():
        known = provenance_of(name)
        assert known is not None and known.origin and known.licence, name


def test_provenance_of_published_rows_is_another_one() -> None:
    published = provenance_of("openreview?hub=nhop/OpenReview")
    assert published is not None and published.licence == "CC BY-NC 4.0"
    for name in FILES:
        assert provenance_of(f"{name}?path=x.json") not in (None, provenance_of(name))
    said = CliRunner().invoke(app, ["domains", "show", "research", "--split", "all", "--n", "1"])
    assert said.exit_code == 0, said.output
    assert "licence: CC0-1.0" in said.output and "not comparable to published numbers" in said.output
    said = CliRunner().invoke(app, ["domains", "show", f"openreview?path={FIXTURES}/openreview.jsonl"])
    assert "licence: CC BY-NC 4.0" in said.output and "left out" in said.output


# --- truth that can be computed --------------------------------------------------------------------------------------


def calibration(problems: tuple[Problem, ...]) -> float:
    """(outcomes − true probabilities), summed, in standard deviations of that sum if the probabilities are right."""
    pairs = [(p.correct == 0, float(p.detail("true_probability") or 0)) for p in problems]
    return sum(y - p for y, p in pairs) / math.sqrt(sum(p * (1 - p) for _, p in pairs))


@pytest.mark.parametrize(
    "spec",
    ["evidence", "forecasting", "forecasting?worlds=queue&n=2000", "forecasting?reports=3&n=2000", "openreview?n=900",
     "openreview?n=900&reviews=true"],
)  # fmt: skip
def test_what_happens_is_drawn_from_the_stated_truth(spec: str) -> None:
    """By tenths of the true probability, and in all, outcomes lie within three standard deviations of it."""
    problems = everything(spec)
    assert abs(calibration(problems)) < 3
    for low, high in pairwise([0, 0.2, 0.4, 0.6, 0.8, 1.0001]):
        band = tuple(p for p in problems if low <= float(p.detail("true_probability") or 0) < high)
        assert len(band) > 20 and abs(calibration(band)) < 3


def test_dice_by_counting() -> None:
    """Every course of the dice that are left, one by one, from the numbers in the text."""
    for index in range(12):
        found = forecast("dice", index, 3)
        words = found.description.replace(",", "").replace(".", "").split()
        sides = [int(w) for w in words[: words.index("sides")] if w.isdigit()]
        first = [int(words[-8])] if "shows" in words else []
        target = int(found.title.rstrip("?").split()[-1])
        left = [range(1, s + 1) for s in sides[len(first) :]]
        hits = [sum(first) + sum(course) >= target for course in product(*left)]
        assert found.probability == pytest.approx(sum(hits) / len(hits))


def test_a_queue_by_hand() -> None:
    """Every course of arrivals and services of a short queue, by the numbers in the text."""
    for index in range(200):
        found = forecast("queue", index, 0)
        minutes = int(found.title.split()[-2])
        if minutes > 6:
            continue
        numbers = [int(w) for w in found.description.split() if w.isdigit()]
        start, arrive, serve = numbers[0], numbers[1] / 100, numbers[2] / 100
        target, total = int(found.title.split()[3]), 0.0
        for course in product((True, False), repeat=2 * minutes):
            length, weight = start, 1.0
            for came, served in zip(course[::2], course[1::2], strict=True):
                length += came
                weight *= (arrive if came else 1 - arrive) * (serve if served else 1 - serve)
                length -= served and length > 0  # served or not makes no difference where nobody stands there
            total += weight * (length >= target)
        assert found.probability == pytest.approx(total)


def test_leagues() -> None:
    """Elo: 200 points above win 76 % of games; the two questions of a league share it, and their split."""
    assert elo(200) == pytest.approx(0.7597, abs=1e-4) and elo(0) == 0.5 and elo(120) + elo(-120) == pytest.approx(1)
    first, second = forecast("league", 0, 0), forecast("league", 1, 0)
    assert first.item == second.item and first.description == second.description and first.title != second.title
    wins = [int(line.split(", ")[1].split()[0]) for line in first.description.splitlines()[1:]]
    assert sum(wins) == 6 and 0 < first.probability < 1


def test_acceptance_by_the_shown_levels() -> None:
    """Symmetric evidence leaves Φ((0 − bar)/sd) with the sd of q given it; better levels never lower it."""
    assert accept_probability([]) == pytest.approx(0.3942, abs=1e-3)  # 1 − Φ(.3/√(1 + .25)) = 1 − Φ(.2683)
    rising = [accept_probability([level] * 5) for level in (0, 1, 2)]
    assert rising == sorted(rising) and rising[0] < 0.05 and rising[2] > 0.85
    assert accept_probability([1] * 5, [9, 9, 9]) > accept_probability([1] * 5) > accept_probability([1] * 5, [3, 3, 3])


def test_the_evidence_decides_cmv_claims() -> None:
    """Two reports for, two against: log odds add up; the label is their sign."""
    problems = everything("cmv-binary?variants=3&seed=2")
    assert len(problems) == 72 and len({p.cluster for p in problems}) == 24
    assert 0.3 < sum(p.correct == 0 for p in problems) / 72 < 0.7
    for problem in problems:
        odds, sides = 0.0, []
        for line in shown(problem).splitlines():
            if line.startswith("Report "):
                right = int(line.split(" right in ")[1].split(" %")[0]) / 100
                sides.append("says: Yes" in line)
                odds += (1 if sides[-1] else -1) * math.log(right / (1 - right))
        assert sorted(sides) == [False, False, True, True]
        assert problem.detail("evidence_balance") == pytest.approx(1 / (1 + math.exp(-odds)))
        assert problem.correct == (0 if odds > 0 else 1)


def test_research_cases_are_no_matter_of_always_doubting() -> None:
    problems = everything("research")
    keys = [p.correct for p in problems]
    assert keys.count(0) >= 5 and keys.count(1) >= 12
    assert all(p.detail("criterion_0") and p.detail("criterion_1") for p in problems)
    rubrics = everything("conceptual")
    assert all(sum(name.startswith("criterion") for name, _ in p.meta) >= 3 for p in rubrics)


# --- simulated agents read them --------------------------------------------------------------------------------------


def ask(agent: SimulatedAgent, request: Generate) -> Generated:
    async def answered() -> Generated:
        async for _, found in agent.answer([Call(0, request, (0,))]):
            assert isinstance(found, Generated), found
            return found
        raise AssertionError("no reply")

    return asyncio.run(answered())


@pytest.fixture(scope="module")
def bayesian() -> SimulatedAgent:
    return SimulatedAgent("sim/bayesian", POLICIES.get("bayesian")(facts="world-11-600"))


@pytest.fixture(scope="module")
def judge() -> SimulatedAgent:
    return SimulatedAgent("sim/judge", POLICIES.get("judge")(facts="world-11-600"))


@pytest.mark.parametrize("spec", ["evidence?n=40", "forecasting?reports=3&n=42", "cmv-binary?variants=1"])
def test_the_bayesian_states_the_true_probability(spec: str, bayesian: SimulatedAgent) -> None:
    for problem in everything(spec):
        truth = problem.detail("true_probability") or problem.detail("evidence_balance")
        assert isinstance(truth, float)
        for order, option in product([(0, 1), (1, 0)], (0, 1)):
            posed = problem.messages(order)[0].content
            prompt = user(render("belief.question.v1", problem=posed, option=problem.options[option]))
            said = float(ask(bayesian, Generate("judge", prompt)).text.split()[-1])
            assert said == pytest.approx(truth if option == 0 else 1 - truth, abs=6e-5)


@pytest.mark.parametrize("spec", ["evidence?n=40", "forecasting?reports=3&n=42", "cmv-binary?variants=1"])
def test_the_bayesian_thinks_step_by_step_to_the_likelier_option(
    spec: str, bayesian: SimulatedAgent, judge: SimulatedAgent
) -> None:
    for problem in everything(spec):
        program = open_mode("chain_of_thought").run(
            problem, ReasoningSettings(sampling=Sampling(temperature=0, max_tokens=512))
        )
        request = next(program)
        assert isinstance(request, Generate)
        with pytest.raises(StopIteration) as end:
            program.send(ask(bayesian, request))
        trajectory = end.value.value
        truth = float(problem.detail("true_probability") or problem.detail("evidence_balance") or 0)
        if abs(truth - 0.5) > 1e-3:
            letter = "AB"[trajectory.order.index(0 if truth > 0.5 else 1)]
            assert trajectory.answer.endswith(f"\n\nAnswer: {letter}")
        assert len(trajectory.steps) >= 3  # a prior, evidence, an answer
        for query in belief_queries(trajectory, BeliefSettings(priors=())):  # a judge reads beliefs off the words alone
            reader = read_beliefs(query)
            asked = next(reader)
            assert isinstance(asked, list)
            with pytest.raises(StopIteration) as end:
                reader.send([ask(judge, request) for request in asked])
            (*_, reading) = end.value.value
            assert not reading.last or reading.probability == pytest.approx(truth, abs=6e-5)


# --- published schemas -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_every_schema_reads_its_fixture(name: str) -> None:
    problems = made(name)
    assert problems and all(p.domain == name and p.source.startswith(FILES[name]) and p.cluster for p in problems)
    assert all("not comparable" not in p.source for p in problems)


def test_research_of_others_has_no_truth() -> None:
    kiln, oars = made("research")
    assert kiln.correct is None and kiln.options[0] == "Yes, no pot cracked." and oars.id == "oars"
    assert kiln.detail("criterion_1") == "Asks for a comparison."
    assert shown(kiln).startswith("Ten pots") and shown(kiln).endswith(
        "B) It cannot be told without pots from the old kiln."
    )


def test_forecasts_state_dates_and_never_prices() -> None:
    ferry, cup, snow = made("forecasting")
    assert (ferry.correct, cup.correct, snow.correct) == (1, None, 1)  # the third is resolved by its price
    assert "It closes on 2031-05-31." in shown(ferry) and "asked on 2031-01-02" in shown(cup)
    assert "63" not in shown(ferry) and "It sails by day." in shown(ferry) and ferry.detail("withheld") == 1
    for price in ("0.417", "0.583", "41.7", "0.004", "0.996"):
        assert price not in shown(cup) + shown(snow)
    assert cup.detail("market_price") == 0.417 and snow.detail("market_price") is None
    assert all(shown(p).endswith("A) Yes\nB) No") for p in (ferry, cup, snow))
    assert ferry.source.endswith(
        "; 1 rows left out: a scale, not an event; 1 rows left out: annulled or ambiguous"
        "; 1 rows left out: no closing date"
    )
    assert [p.id for p in made("forecasting", after="2031-02-01")] == ["metaculus-7", "polymarket-10"]


def test_rows_of_the_sites_themselves(tmp_path: Path) -> None:
    market = {"id": "5", "question": "Will it rain?", "endDate": "2031-03-01T12:00:00Z", "startDate": "2031-02-01",
              "outcomes": '["Yes", "No"]', "outcomePrices": '["0.995", "0.005"]'}  # fmt: skip
    post = {
        "id": 6,
        "title": "Will it hail?",
        "created_at": "2031-01-05T00:00:00Z",
        "scheduled_resolve_time": "2031-04-01T00:00:00Z",
        "question": {"id": 60, "type": "binary", "title": "Will it hail?", "resolution": "yes", "description": "Ice."},
    }
    numeric = {**post, "id": 7, "question": {"type": "numeric", "resolution": "4.5"}}  # fmt: skip
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"count": 2, "results": [market, post]}), encoding="utf-8")
    rain, hail = open_domain(domain_spec("forecasting", path=str(path))).make()
    assert (rain.id, rain.correct, hail.id, hail.correct) == ("5", 0, "6", 0)
    assert "0.995" not in shown(rain) and "asked on 2031-02-01. It closes on 2031-03-01." in shown(rain)
    assert shown(hail).startswith("Ice.\n\nThe question was asked on 2031-01-05. It closes on 2031-04-01.")
    path.write_text(json.dumps([numeric]), encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1, field 'outcomes': is missing"):
        len(open_domain(domain_spec("forecasting", path=str(path))))


def test_only_quotes_are_withheld() -> None:
    text = "Will it be trading above 50 dollars? The market price is 0.7. The market opened in 1999.\nBetting odds: 3."
    assert without_quotes(text) == ("Will it be trading above 50 dollars? The market opened in 1999.", 2)
    assert without_quotes("") == ("", 0)


def test_views_of_cmv() -> None:
    ferries, lights, gulls = made("cmv-binary")
    assert ferries.question == "Question: Is this view right: “Ferries should be free of charge.”?"
    assert [p.id for p in (ferries, lights, gulls)] == ["t3_a", "t3_b", "t3_c"]
    assert "“Lighthouses are useless”" in lights.question and "“I believe gulls are clever”" in gulls.question
    assert all(p.options == ("Yes", "No") and p.correct is None for p in (ferries, lights, gulls))
    assert "I ride every day." not in shown(ferries) and ferries.detail("context") == "I ride every day."
    assert "Its author writes:\nI ride every day." in shown(made("cmv-binary", body=True)[0])


def test_the_best_pair_of_the_best_posts() -> None:
    """Three posts of the forum, of which a fifth, rounded up, is one: p1, with its pair of ratio 6."""
    (one,) = made("cmv-free-form")
    assert (one.id, one.detail("reference"), one.detail("rejected")) == ("p1", "good 2", "poor 2")
    assert shown(one).startswith("The view of p1.") and "Reply to them" in shown(one)
    assert "good 2" not in shown(one) and "1 rows left out: of other forums" in one.source
    assert {p.id for p in made("cmv-free-form", share=1)} == {"p1", "p2", "p4"}


def test_reviews_are_hidden_unless_asked_for() -> None:
    first, second = made("openreview")
    assert [p.correct for p in (first, second)] == [0, 1] and first.options == ("ACCEPTED", "REJECTED")
    for hidden in ("joy", "excellent", "Ilsa", "4711", "oral", "Published as", "Pots and how"):
        assert hidden not in shown(first)
    assert "Experiments results: None cracked." in shown(first) and "Submitted: 2031-09-03" in shown(first)
    opened, listed = made("openreview", reviews=True, authors=True, references=True)
    for seen in ("joy", "soundness: 4 excellent", "Ilsa", "Pots and how"):
        assert seen in shown(opened)
    assert "decision: accept" not in shown(opened) and "4711" not in shown(opened)
    assert "Review 2\nrating: 4\nreview: Thinner." in shown(listed)
    assert "1 rows left out: undecided" in first.source and "2 rows left out: of venues" in first.source


def test_synthetic_reviews_are_hidden_too() -> None:
    plain, opened = everything("openreview?n=30"), everything("openreview?n=30&reviews=true")
    assert not any("rating:" in shown(p) for p in plain) and all(shown(p).count("rating:") == 3 for p in opened)


def test_conceptual_demonstrations_and_requests() -> None:
    kiln, _ = made("conceptual")
    assert kiln.detail("reference") == "It is a place." and json.loads(str(kiln.detail("dimensions"))) == ["philosophy"]
    clay, shrink = made("intellectual-demonstration")
    assert str(clay.detail("reference")).startswith("Because heat") and clay.cluster == shrink.cluster
    assert all(f"1 rows left out: {why}" in clay.source for why in ("answered by memory", "answer shorter than 50"))
    assert [p.id for p in made("intellectual-demonstration", most=1)] == ["1"]
    hot, again, german = made("wildchat")
    assert (
        hot.question == again.question == "How hot is a kiln?" and hot.id != again.id and hot.cluster == again.cluster
    )
    assert hot.detail("turns") == 3 and "abcdef" not in repr(hot) and german.detail("language") == "German"
    assert len(made("wildchat", language="german")) == 1 and len(made("wildchat", toxic=True)) == 4


@pytest.mark.parametrize("name", [*FILES, "evidence"])
def test_options_are_always_shown_and_no_truth_is(name: str) -> None:
    """What is known about a problem beside its text stands in no prompt, however it is shown."""
    for problem in (*everything(name)[:60], *(made(name) if name in FILES else ())):
        orders = [tuple(range(len(problem.options))), tuple(reversed(range(len(problem.options))))]
        texts = [problem.messages(order) for order in orders]
        assert all(isinstance(m, Message) and m.role == "user" for (m,) in texts)
        assert all(option in text.content for (text,) in texts for option in problem.options)
        for key in ("true_probability", "evidence_balance", "quality", "market_price", "reference", "rejected"):
            value = problem.detail(key)
            if isinstance(value, float) and value not in (0.0, 1.0):
                assert f"{value:.5f}" not in texts[0][0].content
            elif isinstance(value, str) and value:
                assert value not in texts[0][0].content
        criteria = [str(v) for k, v in problem.meta if k.startswith(("criterion", "method_error")) and v]
        assert not any(c in texts[0][0].content for c in criteria)


def test_no_user_has_an_opinion() -> None:
    """Opinions are a condition of an experiment; a domain states none, so none decides what is correct."""
    for name in ("research", "cmv-binary", "forecasting?n=60&reports=2", "evidence?n=60"):
        for problem in everything(name):
            words = shown(problem).replace("as I wrote before", "").split()  # quoted from tickets
            assert not {"I", "I'm", "my", "My"} & set(words)


# --- what is damaged -------------------------------------------------------------------------------------------------

OPTION = '{"conclusion": "a", "reasoning_grading_criteria": "c"}'
CASE = '{"id": "x", "background": "b", "question": "q?", "options": [%s]%s}'
ASKED = '{"id": "x", "title": "t?", "endTime": "2031-01-05", "outcomes": ["Yes", "No"]%s}'
DAMAGED = [
    ("research", "x.jsonl", CASE % (OPTION, ""), r"line 1, field 'options'.*at least 2"),
    ("research", "x.jsonl", CASE % (f'{OPTION}, {{"conclusion": "b"}}', ""), r"field 'options\[1\]\.reasoning_grading"),
    ("research", "x.jsonl", CASE % (f"{OPTION}, {OPTION}", ""), r"line 1: .*all different"),
    ("research", "x.jsonl", CASE % (f"{OPTION}, {OPTION}", ', "key": 2'), r"field 'key'.*less than or equal to 1"),
    ("research", "x.jsonl", '{"id": "x", "backgroud": "b", "question": "q", "options": []}', r"mean 'backgroud'"),
    ("forecasting", "x.jsonl", ASKED % ', "resolution": "maybe"', r"line 1: .*'maybe' is none of the outcomes"),
    ("forecasting", "x.jsonl", ASKED % ', "startTime": "2031-02-01"', r"closes on 2031-01-05, before it was asked"),
    ("forecasting", "x.jsonl", ASKED % ', "outcomePrices": [0.4]', r"2 outcomes and 1 prices"),
    ("forecasting", "x.jsonl", ASKED % ', "outcomePrices": [40, 60]', r"prices outside 0 to 1"),
    ("forecasting", "x.jsonl", ASKED % ', "description": "d"' + "\n" + ASKED % "", r"line 2, field 'id': 'x' stands"),
    ("forecasting", "x.jsonl", ASKED.replace("2031-01-05", "soon") % "", r"field 'endTime': is no date \('soon'\)"),
    ("cmv-binary", "x.json", '{\n"a": {"op-title": "CMV"}}', r"line 2: .*says nothing beside its mark"),
    ("cmv-binary", "x.json", '{"a": {"op-title": "t"},\n"b": 3}', r"line 2: a row must be an object"),
    ("cmv-binary", "x.json", '{"a": {"op-title": "t"},\n"a": {"op-title": "u"}}', r"line 2, field 'id'.*stands twice"),
    ("cmv-binary", "x.json", '{"a": {"op-text-body": "t"}}', r"line 1, field 'op-title': is missing"),
    ("cmv-free-form", "x.jsonl", '{"post_id": "a", "history": "h", "human_ref_A": "x", "human_ref_B": "y", '
     '"labels": 2, "score_ratio": 3}', r"line 1, field 'labels'"),
    ("openreview", "x.jsonl", '{"id": "a", "title": "t", "abstract": "b", "venue": "v", "decision": "Accept"}',
     r"line 1, field 'decision'"),
    ("openreview", "x.jsonl", '{"id": "a", "title": "t", "abstract": " ", "venue": "v", "decision": true}',
     r"line 1, field 'abstract': is empty"),
    ("conceptual", "x.json", '[{"question": "q?", "rubric": "not a list"}]', r"line 1, field 'rubric': is not"),
    ("intellectual-demonstration", "x.json", '{"qa_pairs": [\n{"id": 1, "question": "q?"}]}', r"line 2.*'answer'"),
    ("wildchat", "x.jsonl", '{"conversation_hash": "a", "conversation": []}', r"field 'conversation'.*at least 1"),
    ("wildchat", "x.jsonl", '{"conversation_hash": "a", "conversation": [{"role": "bot", "content": "c"}]}', r"line 1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "content", "complaint"), DAMAGED)
def test_damaged_rows_are_named(tmp_path: Path, name: str, file: str, content: str, complaint: str) -> None:
    path = tmp_path / file
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=complaint) as raised:
        len(open_domain(domain_spec(name, path=str(path))))
    assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("forecasting?worlds=dise", "'dise' is no world; did you mean 'dice'"),
        ("forecasting?worlds=", "something is missing"),
        ("forecasting?after=tomorrow", "after='tomorrow' is no date"),
        ("forecasting?n=0", "n at least 1"),
        ("evidence?draws=-1", "draws=-1"),
        ("cmv-binary?variants=0", "variants=0"),
        ("cmv-free-form?share=0", "share=0"),
        ("openreview?longest=0", "longest=0"),
        ("intellectual-demonstration?most=0", "most=0"),
        ("research?path=a&hub=b/c", "one or the other"),
        ("conceptual?part=train", r"`conceptual\?path=FILE`"),
    ],
)
def test_what_cannot_be_asked_for(spec: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        len(open_domain(spec))
