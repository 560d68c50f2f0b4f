"""Each reasoning mode, by the requests that it makes of scripted replies and the steps that it keeps."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import reply, run

from veracity.core.errors import ConfigError, MalformedReplyError
from veracity.core.problem import Problem
from veracity.core.requests import Message, Sample, Sampling
from veracity.core.trajectory import conversation_of
from veracity.domains.base import split_of
from veracity.reasoning import MODES, ReasoningSettings, open_mode
from veracity.reasoning.auxiliary import related
from veracity.reasoning.dialogue import shown_order, steps_of

PROBLEM = Problem("p1", "d", "Will it rain?", options=("rain", "sun"), correct=0)
OPEN = Problem("p2", "d", "Why does it rain?")
PLAIN = ReasoningSettings(shuffle=False)


def pool_of(split: str, count: int, domain: str = "d") -> list[Problem]:
    """Problems whose source items fall into a split."""
    names = (f"source {i}" for i in range(10_000))
    fit = [name for name in names if split_of(name) == split][:count]
    return [Problem(f"a{i}", domain, f"Auxiliary {i} of {domain}?", cluster=name) for i, name in enumerate(fit)]


def test_the_modes_of_the_field_are_there() -> None:
    assert MODES.names() == [
        "bootstrap_interview",
        "chain_of_thought",
        "direct",
        "length_control",
        "pressure",
        "self_debate",
    ]


def test_direct_is_one_step_and_two_for_a_model_that_reasons() -> None:
    plain, asked = run(open_mode("direct").run(PROBLEM, PLAIN), ["A"])
    assert asked[0].prompt == PROBLEM.messages() and [s.kind for s in plain.steps] == ["response"]
    apart, _ = run(open_mode("direct").run(PROBLEM, PLAIN), [reply("A", reasoning="Clouds.", tokens=9)])
    assert [(s.kind, s.content, s.trainable, s.apart) for s in apart.steps] == [
        ("reasoning", "Clouds.", True, True),
        ("response", "A", True, False),
    ]
    assert apart.tokens == 9 and apart.answer == "A"
    tagged, _ = run(open_mode("direct").run(PROBLEM, PLAIN), ["<think>\nClouds.\n</think>\n\nA"])
    assert [(s.kind, s.apart) for s in tagged.steps] == [("reasoning", False), ("response", False)]
    assert tagged.answer == "A" and tagged.samples()[0].completion == "<think>\nClouds.\n</think>\n\nA"


def test_a_chain_of_thought_is_cut_at_blank_lines() -> None:
    text = "Clouds come.\n\nThey are dark.\n \n\nAnswer: A\n"
    found, asked = run(open_mode("chain_of_thought").run(PROBLEM, PLAIN), [text])
    assert [s.content.strip() for s in found.steps] == ["Clouds come.", "They are dark.", "Answer: A"]
    assert "".join(s.content for s in found.steps) == text and all(s.trainable for s in found.steps)
    assert len(found.samples()) == 1 and "A) rain\nB) sun" in asked[0].prompt[0].content
    assert "the letter of your answer" in asked[0].prompt[0].content
    _, unlettered = run(open_mode("chain_of_thought").run(OPEN, PLAIN), ["So."])
    assert "letter" not in unlettered[0].prompt[0].content


@given(st.text(alphabet="ab\n \t<>/think", max_size=60), st.booleans())
def test_steps_joined_are_the_reply(text: str, blocks: bool) -> None:
    steps = steps_of(Sample(text, "stop", 1), blocks=blocks)
    assert "".join(s.content for s in steps) == (text if text.strip() else "")
    assert all(s.content.strip() for s in steps)


def test_a_debate_alternates_between_the_options() -> None:
    found, asked = run(open_mode("self_debate?turns=3&summary=true").run(PROBLEM, PLAIN), ["r1", "s1", "r2", "So."])
    assert [(s.kind, s.side, s.trainable) for s in found.steps] == [
        ("instruction", 0, False), ("argument", 0, True),
        ("instruction", 1, False), ("argument", 1, True),
        ("instruction", 0, False), ("argument", 0, True),
        ("instruction", None, False), ("summary", None, True),
    ]  # fmt: skip
    assert [m.role for m in asked[3].prompt] == ["user", "assistant"] * 3 + ["user"]
    assert "case for sun" in asked[1].prompt[-1].content
    assert found.answer == "So." and len(found.samples()) == 4
    default, _ = run(open_mode("self_debate").run(PROBLEM, PLAIN), ["x"] * 4)
    assert len(default.points) == 4
    swapped = next(s for s in (ReasoningSettings(seed=i) for i in range(99)) if shown_order(PROBLEM, s) == (1, 0))
    other, _ = run(open_mode("self_debate?turns=1").run(PROBLEM, swapped), ["x"])
    assert other.steps[0].side == 1 and other.order == (1, 0)
    with pytest.raises(ConfigError, match="no options to debate"):
        run(open_mode("self_debate").run(OPEN, PLAIN), [])


def test_length_control_records_what_was_asked_for_and_what_came() -> None:
    found, asked = run(open_mode("length_control?target=400").run(PROBLEM, PLAIN), [reply("Long.", tokens=371)])
    assert (found.target_tokens, found.tokens) == (400, 371) and "about 300 words" in asked[0].prompt[0].content


def test_what_ended_early_says_so() -> None:
    cut, _ = run(open_mode("direct").run(PROBLEM, PLAIN), [reply("A", finish="length")])
    held, _ = run(open_mode("self_debate?turns=2").run(PROBLEM, PLAIN), [reply("x", finish="filtered"), "y"])
    assert (cut.status, held.status) == ("truncated", "filtered")


# --- interviews ------------------------------------------------------------------------------------------------------


def test_a_fixed_sequence_comes_before_the_problem_and_is_not_trained_on() -> None:
    mode = open_mode("bootstrap_interview?source=fixed_sequence&questions=2")
    found, asked = run(mode.run(PROBLEM, PLAIN), ["one", "two", "A"])
    assert [(s.kind, s.trainable) for s in found.steps] == [
        ("instruction", False), ("auxiliary", False), ("instruction", False),
        ("auxiliary", False), ("instruction", False), ("response", True),
    ]  # fmt: skip
    assert found.steps[4].content == PROBLEM.messages()[0].content
    (sample,) = found.samples()
    assert sample.prompt == asked[2].prompt and sample.completion == "A"
    with pytest.raises(ConfigError, match="fixed sequence has 8 questions, not 9"):
        run(open_mode("bootstrap_interview?source=fixed_sequence&questions=9").run(PROBLEM, PLAIN), [])


def test_drawn_questions_keep_the_evaluated_item_and_its_likes_out() -> None:
    problem = replace(PROBLEM, cluster=next(f"own {i}" for i in range(99) if split_of(f"own {i}") == "test"))
    fit = pool_of("test", 4)
    unfit = [
        problem,
        replace(fit[0], id="same words", question="  WILL it rain"),
        Problem("same source", "other", "About the same storm?", cluster=problem.cluster),
        *pool_of("train", 5),
    ]
    assert all(related(problem, other) for other in unfit[:3])
    mode = open_mode("bootstrap_interview?questions=4")
    settings = replace(PLAIN, pool=(*unfit, *fit))
    drawn = set()
    for replicate in range(3):
        found, _ = run(mode.run(problem, replace(settings, replicate=replicate)), ["x"] * 5)
        drawn.add(tuple(s.content for s in found.steps[:8:2]))
    assert {frozenset(order) for order in drawn} == {frozenset(p.question for p in fit)} and len(drawn) > 1
    with pytest.raises(ConfigError, match="4 problems can stand before it, 5 are asked for"):
        run(open_mode("bootstrap_interview?questions=5").run(problem, settings), [])


def test_other_domains_are_other_domains() -> None:
    problem = replace(PROBLEM, cluster=next(f"own {i}" for i in range(99) if split_of(f"own {i}") == "test"))
    settings = replace(PLAIN, foreign_pool=(*pool_of("test", 3), *pool_of("test", 2, "far")))
    found, _ = run(open_mode("bootstrap_interview?source=stationary_ood&questions=2").run(problem, settings), "xyA")
    assert sorted(s.content for s in found.steps[:4:2]) == ["Auxiliary 0 of far?", "Auxiliary 1 of far?"]


def test_a_generator_writes_all_questions_at_once() -> None:
    mode = open_mode("bootstrap_interview?source=llm_preset&questions=2&style=socratic")
    written = "<question>What is rain?</question>\n<question>What is sun?</question>"
    found, asked = run(mode.run(PROBLEM, PLAIN), [written, "drops", "light", "A"])
    assert [r.role for r in asked] == ["generator", "policy", "policy", "policy"]
    assert "Socrates" in asked[0].prompt[0].content and "Will it rain?" in asked[0].prompt[0].content
    assert [s.content for s in found.steps[:4]] == ["What is rain?", "drops", "What is sun?", "light"]


def test_an_adaptive_generator_sees_the_conversation() -> None:
    mode = open_mode("bootstrap_interview?source=llm_adaptive&questions=2&style=contradiction_seeking")
    ask = "<question>{}?</question>".format
    settings = replace(PLAIN, system="Be brief.")
    found, asked = run(mode.run(PROBLEM, settings), [ask("What is rain"), "drops", ask("Why drops"), "gravity", "A"])
    assert [r.role for r in asked] == ["generator", "policy"] * 2 + ["policy"]
    assert "has not begun" in asked[0].prompt[0].content and "contradict" in asked[0].prompt[0].content
    assert "Interviewer: What is rain?\n\nInterviewee: drops" in asked[2].prompt[0].content
    assert "Be brief." not in asked[2].prompt[0].content and asked[1].prompt[0] == Message("system", "Be brief.")
    assert found.answer == "A"


@pytest.mark.parametrize(
    "written",
    ["What is rain?", "<question>One?</question>", "<question>One?</question><question> </question>",
     "<question>1?</question><question>2?</question><question>3?</question>",
     "<question>One?</question><question>WILL IT RAIN</question>"],
)  # fmt: skip
def test_what_a_generator_may_not_write(written: str) -> None:
    mode = open_mode("bootstrap_interview?source=llm_preset&questions=2")
    with pytest.raises(MalformedReplyError, match="generator wrote"):
        run(mode.run(PROBLEM, PLAIN), [written])


@pytest.mark.parametrize("style", ["curriculum", "contradiction_seeking", "synergistic", "socratic"])
@pytest.mark.parametrize("source", ["llm_preset", "llm_adaptive"])
def test_every_style_has_words_of_its_own(source: str, style: str) -> None:
    mode = open_mode(f"bootstrap_interview?source={source}&style={style}&questions=1")
    _, asked = run(mode.run(PROBLEM, PLAIN), ["<question>What?</question>", "x", "A"])
    other = "socratic" if style != "socratic" else "curriculum"
    changed = open_mode(f"bootstrap_interview?source={source}&style={other}&questions=1")
    _, otherwise = run(changed.run(PROBLEM, PLAIN), ["<question>What?</question>", "x", "A"])
    assert asked[0].prompt != otherwise[0].prompt


# --- what all modes share --------------------------------------------------------------------------------------------


def test_options_are_shown_in_an_order_of_the_replicate() -> None:
    problem = Problem("many", "d", "Which?", options=tuple("pqrstuvw"))
    orders = [shown_order(problem, ReasoningSettings(replicate=i)) for i in range(5)]
    assert len(set(orders)) == 5 and all(sorted(o) == list(range(8)) for o in orders)
    assert orders == [shown_order(problem, ReasoningSettings(replicate=i)) for i in range(5)]
    found, asked = run(open_mode("direct").run(problem, ReasoningSettings(replicate=3)), ["A"])
    assert found.order == orders[3] and f"A) {problem.options[orders[3][0]]}" in asked[0].prompt[0].content
    firsts = [shown_order(replace(PROBLEM, id=f"{i}"), ReasoningSettings())[0] for i in range(400)]
    assert 160 < sum(firsts) < 240


def test_replicates_have_their_own_noise_and_conditions_their_own_words() -> None:
    settings = replace(PLAIN, sampling=Sampling(temperature=1.0, seed=5))
    seeds = set()
    for replicate in range(3):
        _, asked = run(open_mode("direct").run(PROBLEM, replace(settings, replicate=replicate)), ["A"])
        seeds.add(asked[0].sampling.seed)
        assert 0 <= asked[0].sampling.seed < 2**31
    assert len(seeds) == 3
    told = replace(PLAIN, remark="I think that it is sun.", condition="u1", system="Be kind.")
    found, asked = run(open_mode("direct").run(PROBLEM, told), ["B"])
    assert found.condition == "u1" and asked[0].prompt[1].content.endswith("B) sun\n\nI think that it is sun.")
    assert asked[0].prompt[0] == Message("system", "Be kind.")


@pytest.mark.parametrize("spec", ["direct", "chain_of_thought", "self_debate?turns=2", "length_control"])
def test_what_was_seen_is_what_was_asked(spec: str) -> None:
    found, asked = run(open_mode(spec).run(PROBLEM, PLAIN), ["One."] * (2 if "debate" in spec else 1))
    seen = [found.seen(i) for i, step in enumerate(found.steps) if step.speaker == "assistant"]
    assert seen == [request.prompt for request in asked]
    assert conversation_of(found.opening, found.steps)[-1] == Message("assistant", "One.")


@pytest.mark.parametrize(
    ("spec", "message"),
    [("self_debat", "did you mean 'self_debate'"), ("self_debate?turn=4", "did you mean 'turns'"),
     ("self_debate?turns=0", "turns=0"), ("self_debate?turns=many", "turns=many"), ("direct?turns=1", "no option"),
     ("bootstrap_interview?source=llm", "source=llm"), ("length_control?target=-5", "target=-5")],
)  # fmt: skip
def test_wrong_names_are_refused_before_anything_is_asked(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_mode(spec)


def test_the_prompt_hash_tells_modes_and_options_apart() -> None:
    specs = ["direct", "chain_of_thought", "self_debate", "self_debate?turns=6", "length_control"]
    assert len({open_mode(spec).prompt_hash for spec in specs}) == 5
    assert open_mode("self_debate").prompt_hash == open_mode("self_debate?turns=4").prompt_hash
    found, _ = run(open_mode("direct").run(PROBLEM, PLAIN), ["A"])
    assert (found.mode, found.prompt_hash) == ("direct", open_mode("direct").prompt_hash)
