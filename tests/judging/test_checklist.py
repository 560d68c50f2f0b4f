"""Checklists: building, checking in words, by entailment and by look-up, examples of known label, and their measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import ConfigError, ServerError
from veracity.core.judged import ClaimLabel, Coverage, Group, JudgedClaim, JudgedResponse
from veracity.core.problem import Problem
from veracity.core.requests import Call, Generate, Generated, Message, Reply, Sample, Score, Scored
from veracity.engine.engine import Engine
from veracity.judging.checklist import (
    CHECKLIST_VERIFIERS,
    CheckSettings,
    Covering,
    build_checklist,
    checklist_verifier_prompts,
    cover,
    statement_key,
)
from veracity.judging.checklist.building import entailment_keys
from veracity.judging.checklist.examples import (
    CheckExample,
    check_dialogue,
    check_examples,
    find_stated,
    paraphrase_by_templates,
    states_by_templates,
)
from veracity.judging.checklist.nli import windows
from veracity.judging.checklist.paraphrasing import paraphrased
from veracity.judging.checklist.swapping import names_in, swapped_value
from veracity.judging.checklist.text import LABELS, parse_coverage
from veracity.metrics.checklist import checklist_scores
from veracity.metrics.checklist_verifier import verifier_quality
from veracity.models.instant import InstantModel
from veracity.rewards import open_reward
from veracity.store.ledger import Ledger
from veracity.world.tiny import tiny_world

LABEL: dict[str, ClaimLabel | None] = {"s": "supported", "r": "refuted", "n": "not_enough", "?": None}
COVERAGE: tuple[Coverage, ...] = ("consistent", "contradictory", "missing")


def sample(*claims: str) -> JudgedResponse:
    """`sample("s:Ada paints", "r:Ada sings")`."""
    return JudgedResponse("x", 1, claims=tuple(JudgedClaim(c[2:], LABEL[c[0]]) for c in claims))


def check(
    name: str, items: Sequence[str], response: str, model: InstantModel | None = None, **settings: object
) -> Covering:
    program = CHECKLIST_VERIFIERS.get(name)(items, response, CheckSettings(**settings))  # type: ignore[arg-type]
    found = Engine({"verifier": model} if model else {}).run({"x": program})["x"]
    assert isinstance(found, tuple), found
    return found


def test_a_checklist_holds_supported_claims_by_how_many_samples_make_them() -> None:
    """k = 3 samples with claims: A in all three, B in two, C in one; D is refuted, E undecided, F has no label."""
    samples = [
        sample("s:B.", "s:A.", "r:D.", "s:A!"),
        sample("s:a", "n:E.", "?:F."),
        JudgedResponse("failed", 1),
        sample("s:C.", "s:b", "s:A"),
    ]
    found = build_checklist("q", samples)
    assert [(i.text, i.samples, i.importance) for i in found.items] == [
        ("A.", 3, 1.0),
        ("B.", 2, 2 / 3),
        ("C.", 1, 1 / 3),
    ]
    assert (found.samples, found.unread, found.unverified, found.unimportant) == (3, 1, 1, 0)
    assert build_checklist("q", samples, least_importance=0.5).texts == ("A.", "B.")
    assert build_checklist("q", samples, most_items=1).unimportant == 2
    assert build_checklist("q", []).items == ()
    with pytest.raises(ConfigError, match="share of the samples"):
        build_checklist("q", samples, least_importance=2)


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=5), max_size=6), st.randoms())
def test_importances_do_not_depend_on_the_order_of_samples(samples: list[list[str]], random: Random) -> None:
    judged = [sample(*(f"s:{c}" for c in claims)) for claims in samples]
    found = {i.text: i.samples for i in build_checklist("q", judged).items}
    assert found == {c: sum(c in claims for claims in samples) for c in {c for claims in samples for c in claims}}
    random.shuffle(judged)
    assert {i.text: i.samples for i in build_checklist("q", judged).items} == found


def test_two_wordings_of_a_fact_are_one_item() -> None:
    world = tiny_world()
    fact = world.facts[0]
    said = [t.format(subject=fact.subject, value=fact.value) for t in fact.statements[:2]]
    found = build_checklist("q", [sample(f"s:{said[0]}"), sample(f"s:{said[1]}")], key=statement_key(world.language))
    assert [(i.text, i.samples) for i in found.items] == [(said[0], 2)]


def entailing(pairs: set[tuple[str, str]], contradicting: set[tuple[str, str]] = frozenset()) -> InstantModel:  # type: ignore[assignment]
    """An NLI model that knows which pairs entail, and which contradict, one another."""

    def answer(call: Call) -> Reply:
        request = call.request
        assert isinstance(request, Score) and isinstance(request.prompt, tuple)
        premise, hypothesis = (message.content for message in request.prompt)
        label = "neutral"
        if any(p in premise and h == hypothesis for p, h in pairs):
            label = "entailment"
        elif any(p in premise and h == hypothesis for p, h in contradicting):
            label = "contradiction"
        return Scored((request.continuation,), (math.log(0.9 if request.continuation == label else 0.05),))

    return InstantModel(answer)


def test_claims_that_entail_one_another_are_one() -> None:
    """a and b entail each other, c is entailed by a alone: two different claims."""
    model = entailing(
        {("She paints", "Painting is her job"), ("Painting is her job", "She paints"), ("She paints", "She works")}
    )
    claims = ["She paints", "Painting is her job", "She works", "she paints."]
    keys = Engine({"nli": model}).run({"x": entailment_keys(claims)})["x"]
    assert keys == {"She paints": 0, "Painting is her job": 0, "She works": 1, "she paints.": 0}


def replying(reply: str, finish: str = "stop") -> InstantModel:
    return InstantModel(lambda call: Generated((Sample(reply, finish, 1),)))  # type: ignore[arg-type]


def test_a_judge_in_words_answers_all_items_in_one_request() -> None:
    seen: list[str] = []

    def answer(call: Call) -> Reply:
        assert isinstance(call.request, Generate) and isinstance(call.request.prompt[0], Message)
        seen.append(call.request.prompt[0].content)
        return Generated((Sample("2. missing\n1. **Consistent**\n3) contradictory.", "stop", 1),))

    assert check("judge_text", ["A", "B", "C"], "She said A.", InstantModel(answer)) == COVERAGE[:1] + COVERAGE[:0:-1]
    assert len(seen) == 1 and "1. A\n2. B\n3. C" in seen[0] and "She said A." in seen[0]
    assert check("judge_text", ["A"], "x", replying("1. consistent", "length")) == (None,)
    assert check("judge_text", ["A", "B"], " ") == ("missing", "missing")
    assert check("judge_text", [], "x") == ()
    assert list(checklist_verifier_prompts("judge_text")) == ["checklist.together.v1"]


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        ("1. consistent\n2. missing", ("consistent", "missing")),
        ("1: CONTRADICTORY\n2. `missing`", ("contradictory", "missing")),
        ("1. consistent", ("consistent", None)),
        ("1. consistent\n1. missing\n2. missing", (None, "missing")),
        ("1. not consistent\n2. consistent or missing", (None, None)),
        ("1. consistent\n2. missing\n3. missing", (None, None)),
        ("Here they are:\n1. consistent\n2. missing", (None, None)),
        ("1. inconsistent\n2. supported", (None, None)),
        ("", (None, None)),
    ],
)
def test_nothing_but_a_label_a_line_is_read(reply: str, labels: Covering) -> None:
    assert parse_coverage(reply, 2) == labels


@given(st.text(max_size=80), st.integers(0, 5))
def test_any_reply_gives_a_label_or_none_for_each_item(reply: str, count: int) -> None:
    found = parse_coverage(reply, count)
    assert len(found) == count and set(found) <= {*LABELS.values(), None}


@given(st.lists(st.sampled_from(COVERAGE), max_size=8), st.randoms())
def test_a_reply_as_asked_for_is_read_in_any_order(labels: list[Coverage], random: Random) -> None:
    lines = [f"{n}. {label}" for n, label in enumerate(labels, 1)]
    random.shuffle(lines)
    assert parse_coverage("\n".join(lines), len(labels)) == tuple(labels)


def test_entailment_contradiction_and_neither_are_the_three_labels() -> None:
    model = entailing({("is a painter", "She paints")}, {("born in 1961", "She was born in 1962")})
    items = ["She paints", "She was born in 1962", "She sings"]
    assert check("nli", items, "Ada is a painter. She was born in 1961.", model) == COVERAGE
    assert check("nli", items, "Ada is a painter. She was born in 1961.", model, threshold=0.95) == ("missing",) * 3
    assert windows(["a.", "b.", "c."], 2) == ["a. b.", "b. c."]
    assert windows(["a."], 3) == ["a."]
    with pytest.raises(ConfigError, match="window=0"):
        windows(["a."], 0)


def biographies(count: int = 60) -> Iterator[tuple[str, str]]:
    """(person, a true biography)."""
    world = tiny_world()
    people = [e.name for e in world.entities if e.kind == "person"]
    return ((name, world.biography(name, 4)) for name in people[:count])


def world_examples(seed: int = 0) -> list[CheckExample]:
    world, texts = tiny_world(), dict(biographies())
    stated = [
        one
        for name, text in texts.items()
        for one in find_stated(
            [s + "." for s in text.rstrip(".").split(". ")], text, states_by_templates(world.language),
            about=f"Tell me about {name}.", cluster=name,
        )
    ]  # fmt: skip
    return check_examples(
        stated, names=names_in(texts.values()), seed=seed, paraphrase=paraphrase_by_templates(world.language)
    )


def test_examples_are_what_they_are_called_as_the_world_itself_says() -> None:
    """The rule verifier, which is exact on the world's texts, gives every example its label: macro-F1 1."""
    examples = world_examples()
    assert len(examples) > 200
    assert [sum(e.label == label for e in examples) for label in COVERAGE] == [len(examples) // 3] * 3
    found = [check("rule", [e.item], e.response)[0] for e in examples]
    quality = verifier_quality([e.label for e in examples], found, [e.cluster for e in examples], seed=0, resamples=200)
    assert quality.macro_f1.value == 1.0 and quality.sufficient
    assert quality.macro_f1.null == pytest.approx(1 / 3)
    assert examples == world_examples() != world_examples(seed=1)
    consistent = [e for e in examples if e.label == "consistent"]
    assert sum(e.item.rstrip(".") not in e.response for e in consistent) > 0.8 * len(consistent)  # in other words


def test_a_rule_reads_denials_and_other_subjects() -> None:
    fact, other = (tiny_world().facts[i] for i in (0, 1))
    item = fact.claims[0].format(subject=fact.subject, value=fact.value)
    responses = [
        fact.statements[1].format(subject=fact.subject, value=fact.value),
        fact.statements[1].format(subject=fact.subject, value=fact.foil),
        fact.denials[0].format(subject=fact.subject, value=fact.value),
        other.statements[1].format(subject=other.subject, value=fact.foil),
    ]
    assert [check("rule", [item], r)[0] for r in responses] == [
        "consistent",
        "contradictory",
        "contradictory",
        "missing",
    ]
    assert check("rule", ["Nobody can read this"], responses[0]) == (None,)


@pytest.mark.parametrize(
    ("item", "sentence", "changed"),
    [
        ("Ada Lund was born in 1961.", "Lund, born in 1961, paints.", lambda s: "1961" not in s and s != ""),
        ("She was born on 5 March.", "On 5 March she was born.", lambda s: "5 March" not in s),
        ("Stavby has 3,000 people.", "About 3,000 live in Stavby.", lambda s: "3,000" not in s and "," in s),
        ("Ada lives in Stavby.", "In Stavby lives Ada.", lambda s: "Oslo" in s and "Stavby" not in s),
    ],
)
def test_numbers_dates_and_names_are_changed(item: str, sentence: str, changed: Callable[[str], bool]) -> None:
    about = "Tell me about Ada Lund." if "Ada" in item else "Tell me about the town."
    names = ["Oslo"] if "lives" not in item else ["Oslo", "Stavby", "Ada Lund"]
    for seed in range(20):
        found = swapped_value(item, [sentence], about, names, Random(seed))
        assert found is not None and changed(found[0])


def test_what_a_question_is_about_is_never_changed() -> None:
    assert (
        swapped_value("Ada Lund paints.", ["Ada Lund paints."], "Who is Ada Lund?", ["Ada Lund", "Oslo"], Random(0))
        is None
    )
    assert swapped_value("She is 40.", ["She is forty."], "", [], Random(0)) is None
    assert names_in(["Ada met Bo Holm in Oslo. Bo left in May 1961."]) == ("Bo Holm", "Oslo")


@given(st.integers(0, 5000), st.integers(0, 1000))
def test_a_number_never_becomes_itself(number: int, seed: int) -> None:
    text = f"It weighs {number} stones."
    found = swapped_value(text, [text], "", [], Random(seed))
    assert found is not None and str(number) not in found[0].split()


def test_a_server_that_is_down_costs_the_reward_and_gives_no_zero() -> None:
    def broken(call: Call) -> Reply:
        raise ServerError("timed out")

    verify, judged = CHECKLIST_VERIFIERS.get("judge_text"), JudgedResponse("Ada paints.", 3)
    program = cover(judged, ["A", "B"], verify, CheckSettings())
    found = Engine({"verifier": InstantModel(broken)}).run({"x": program})["x"]
    assert isinstance(found, JudgedResponse) and found.checklist == (None, None)
    group = Group(Problem("q", "d", "?"), (found, replace(found, checklist=COVERAGE), replace(found, checklist=())))
    assert open_reward("checklist_recall").of(group) == [None, pytest.approx(1 / 3), None]


def test_what_was_asked_before_is_not_asked_again(tmp_path: Path) -> None:
    calls: list[int] = []

    def answer(call: Call) -> Reply:
        calls.append(call.id)
        return Generated((Sample("1. consistent", "stop", 1),))

    for _ in range(2):
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            engine = Engine({"verifier": InstantModel(answer)}, ledger=ledger)
            program = cover(JudgedResponse("x", 1), ["A"], CHECKLIST_VERIFIERS.get("judge_text"), CheckSettings())
            found = engine.run({"x": program})["x"]
            assert isinstance(found, JudgedResponse) and found.checklist == ("consistent",)
    assert len(calls) == 1


def test_a_trained_verifier_is_asked_and_read_as_the_judge_in_words() -> None:
    """The label of every example, written as it is trained, is read back by the judge's own program."""
    for example in world_examples()[:6]:
        messages, reply = check_dialogue(example)
        asked: list[object] = []

        def answer(call: Call, reply: str = reply, asked: list[object] = asked) -> Reply:
            assert isinstance(call.request, Generate)
            asked.append(call.request.prompt)
            return Generated((Sample(reply, "stop", 1),))

        assert check("judge_text", [example.item], example.response, InstantModel(answer)) == (example.label,)
        assert asked == [messages]


def test_a_paraphrase_that_changes_a_number_is_thrown_away() -> None:
    items = ["Ada was born in 1961.", "She paints.", "She is 40.", "She sings."]
    reply = "1. It was in 1961 that Ada was born.\n2. Painting is what she does.\n3. She is 41.\n4. She sings."
    found = Engine({"judge": replying(reply)}).run({"x": paraphrased(items)})["x"]
    assert found == {items[0]: "It was in 1961 that Ada was born.", items[1]: "Painting is what she does."}
    cut = Engine({"judge": replying(reply, "length")}).run({"x": paraphrased(items)})["x"]
    assert cut == {}


def test_macro_f1_by_hand() -> None:
    """c c x x m m called c x x m m ?: F1 of c is 2/3 (1 hit, 2 true, 1 called), of x 2/3 (1 hit, 2, …), of m 2·1/(1+2).

    The last one failed and is left out: c has 1 hit of 2 true and 1 given (2/3); x 1 hit, 2 true, 2 given (1/2); m 1
    hit, 1 true, 2 given (2/3). Mean .6111.
    """
    c, x, m = COVERAGE
    quality = verifier_quality([c, c, x, x, m, m], [c, x, x, m, m, None], list("abcdef"), seed=0, resamples=200)
    assert [quality.f1[k].value for k in COVERAGE] == [pytest.approx(v) for v in (2 / 3, 1 / 2, 2 / 3)]
    assert quality.macro_f1.value == pytest.approx(11 / 18)
    assert quality.failures.value == pytest.approx(1 / 6)
    assert not quality.sufficient and quality.confusion[x, m] == 1
    assert verifier_quality([], [], [], seed=0).macro_f1.n == 0


def test_macro_f1_is_scikit_learns() -> None:
    from sklearn.metrics import f1_score

    rng = Random(3)
    truth, given_ = ([rng.choice(COVERAGE) for _ in range(200)] for _ in range(2))
    found = verifier_quality(truth, given_, range(200), seed=0, resamples=200)
    assert found.macro_f1.value == pytest.approx(f1_score(truth, given_, average="macro"))
    assert found.macro_f1.null is not None and abs(found.macro_f1.value - found.macro_f1.null) < 0.1


def test_scores_of_a_system_leave_out_what_failed() -> None:
    """Lists of two responses: (3, 1, 6) and (0, 0, 10): recall .15, precision .75 where defined, .375 with zeros."""
    letters = {"c": "consistent", "x": "contradictory", "m": "missing", "?": None}

    def group(name: str, *lists: str | None) -> Group:
        judged = [None if x is None else tuple(letters[k] for k in x) for x in lists]
        return Group(Problem(name, "d", "?"), tuple(JudgedResponse("x", 1, checklist=j) for j in judged))  # type: ignore[arg-type]

    scores = checklist_scores([group("a", "cccxmmmmmm", "c?"), group("b", "m" * 10, "", None)], seed=0, resamples=200)
    assert (scores.recall.value, scores.precision.value, scores.precision_or_zero.value) == (0.15, 0.75, 0.375)
    assert (scores.contradicted.value, scores.failed, scores.without_list) == (0.05, 1, 2)
