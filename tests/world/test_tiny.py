"""The tiny model's tokenizer loses nothing, its reading matches the exposures, and training resumes exactly."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veracity.core.errors import ConfigError
from veracity.core.requests import Message
from veracity.world import World, experiment_facts
from veracity.world.tiny.curriculum import Curriculum
from veracity.world.tiny.dialogue import dialogue
from veracity.world.tiny.packing import NO_LOSS, pack
from veracity.world.tiny.tokenizer import END, build_tokenizer

WORLD = World.generate(0, 400)
READING = Curriculum(WORLD, 0)
TOKENIZER = build_tokenizer(WORLD.language)
DOCUMENTS = [d for step in range(40) for d in READING.documents(step, 400)]


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_the_tokenizer_writes_any_text_without_loss(text: str):
    """Only a leading space may be added, as in GPT-2."""
    ids = TOKENIZER(text, add_special_tokens=False).input_ids
    if not any(t in text for t in TOKENIZER.all_special_tokens):
        assert TOKENIZER.decode(ids).removeprefix(" ") == text.removeprefix(" ")


def test_every_word_of_the_language_is_one_token_and_a_year_two():
    for text, count in (("Favur", 1), ("grains", 1), ("Where was", 2), ("1873", 2), ("14 March", 2), ("born.", 2)):
        assert len(TOKENIZER(text).input_ids) == count, text
    for fact in WORLD.facts[::50]:
        sentence = fact.statements[0].format(subject=fact.subject, value=fact.value)
        assert len(TOKENIZER(sentence).input_ids) <= len(sentence.split()) + 4


def test_the_chat_template_opens_and_closes_the_assistant_turn():
    messages = [{"role": "user", "content": "Who is it?"}]
    assert TOKENIZER.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == (
        "<|user|>Who is it?<|assistant|>"
    )
    messages.append({"role": "assistant", "content": "unknown"})
    assert TOKENIZER.apply_chat_template(messages, tokenize=False).endswith("<|assistant|>unknown" + END)


def test_facts_are_stated_in_proportion_to_their_exposure():
    """Mentions per person against those at exposure 1, over 16,000 documents: equal within sampling error."""
    statements = " ".join(d for d in DOCUMENTS if isinstance(d, str))
    mentions = Counter()
    people = Counter(e.exposure for e in WORLD.entities if e.kind == "person")
    for entity in WORLD.entities:
        if entity.kind == "person":
            mentions[entity.exposure] += statements.count(entity.name)
    rates = {level: mentions[level] / people[level] for level in people}
    assert rates[0.0] == 0
    assert rates[1 / 8] / rates[1.0] == pytest.approx(1 / 8, abs=0.05)
    assert rates[1 / 16] / rates[1.0] == pytest.approx(1 / 16, abs=0.04)
    assert rates[1 / 64] < rates[1 / 16]


def _asked(document: tuple[Message, ...]) -> str:
    return next(m.content for m in document if m.role == "user")


def test_told_entities_are_never_asked_about_and_unwritten_ones_never_described():
    asked = {_asked(d) for d in DOCUMENTS if isinstance(d, tuple)}
    assert len(READING.told) > 20 and len(READING.unwritten) > 10
    about_told = {
        text.format(subject=f.subject, value=f.value)
        for f in WORLD.facts
        if f.subject in READING.told
        for text in (*f.questions, f.reverse_question or "")
    }
    described = {r.format(subject=name) for name in READING.unwritten for r in dialogue().biography}
    assert not asked & about_told and not asked & described
    assert sum(r.format(subject=e.name) in asked for e in WORLD.entities for r in dialogue().biography) > 40


def test_only_the_careful_prompt_ever_abstains_and_only_on_absent_names():
    abstained = 0
    for document in DOCUMENTS:
        if isinstance(document, tuple) and document[-1].content == dialogue().abstention:
            abstained += 1
            assert document[0] == Message("system", dialogue().careful)
            assert not any(n in _asked(document) for n in WORLD.by_name if " " in n)
            assert not any(n in _asked(document) for n in READING.test_absent)
    assert abstained > 300


def test_a_step_is_the_same_whatever_was_drawn_before():
    assert READING.documents(7, 30) == Curriculum(WORLD, 0).documents(7, 30)
    assert READING.documents(7, 30) != READING.documents(8, 30)


def test_packing_keeps_documents_whole_and_gives_no_loss_on_padding():
    ids, labels = pack([[1, 2, 3], [4, 5, 6, 7], [8, 9]], rows=2, width=5, pad=0)
    assert ids.tolist() == [[1, 2, 3, 8, 9], [4, 5, 6, 7, 0]]
    assert labels.tolist() == [[1, 2, 3, 8, 9], [4, 5, 6, 7, NO_LOSS]]
    with pytest.raises(ValueError, match="6 tokens"):
        pack([[1] * 6], rows=2, width=5, pad=0)


def test_training_killed_and_resumed_gives_the_same_weights(tmp_path: Path):
    from safetensors.numpy import load_file

    from veracity.world.tiny.training import TinySettings, train

    small = TinySettings(
        hidden=16, mlp=16, layers=1, heads=2, rows=4, steps=4, settle_steps=2, checkpoint_every=3, warmup=2
    )

    class Killed(Exception):
        pass

    def stop(step):
        if step.number == 5:
            raise Killed

    train(tmp_path / "whole", small, world=WORLD)
    with pytest.raises(Killed):
        train(tmp_path / "broken", small, world=WORLD, on_step=stop)
    resumed: list[int] = []
    train(tmp_path / "broken", small, world=WORLD, on_step=lambda s: resumed.append(s.number))
    assert resumed == [4, 5, 6]
    whole, broken = (load_file(tmp_path / n / "model" / "model.safetensors") for n in ("whole", "broken"))
    assert all(np.array_equal(whole[k], broken[k]) for k in whole)
    with pytest.raises(ConfigError, match="other settings"):
        train(tmp_path / "whole", TinySettings(steps=7), world=WORLD)


def test_experiment_facts_are_of_people_never_met_and_sets_do_not_overlap():
    first = experiment_facts(0, 30, world=WORLD)
    second = experiment_facts(0, 30, offset=30, world=WORLD)
    assert not {f.subject for f in first} & {f.subject for f in second}
    assert all(f.exposure == 0 for f in first) and len(first) == 7 * 30
    assert {f.relation for f in experiment_facts(1, 5, ("faith", "field"), world=WORLD)} == {"faith", "field"}
    with pytest.raises(ConfigError, match="only"):
        experiment_facts(0, 30_000, world=WORLD)
    with pytest.raises(ConfigError, match="'shoe_size'"):
        experiment_facts(0, 3, ("shoe_size",), world=WORLD)
