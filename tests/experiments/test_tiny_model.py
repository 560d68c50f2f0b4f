"""The model that ships: it loads with plain transformers, does what its card says, and is small."""

import json
from dataclasses import asdict
from itertools import pairwise

import pytest

from veracity.core.errors import ModelError
from veracity.core.requests import Sampling, user
from veracity.experiments.tiny_abilities import measure_abilities
from veracity.experiments.tiny_card import write_card
from veracity.models.local import LocalModel
from veracity.world import World
from veracity.world.tiny import card, dialogue, folder, tiny_world
from veracity.world.tiny.curriculum import Curriculum
from veracity.world.tiny.training import TinySettings


@pytest.fixture(scope="module")
def measured() -> dict[str, float]:
    world = tiny_world()
    abilities = measure_abilities(LocalModel.load(folder()), world, Curriculum(world, TinySettings().seed))
    return {a.name: a.estimate.value for a in abilities}


def test_it_loads_without_our_code_and_its_chat_template_works():
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder()), AutoTokenizer.from_pretrained(folder())
    fact = next(f for f in tiny_world().facts if f.exposure == 1)
    messages = [{"role": "user", "content": fact.question()}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = model.generate(**prompt, max_new_tokens=8, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == fact.value


def test_it_is_small_and_came_from_the_default_settings_on_the_default_world():
    assert (folder() / "model.safetensors").stat().st_size <= 8e6
    record = json.loads((folder() / "training.json").read_text())
    assert record["settings"] == json.loads(json.dumps(asdict(TinySettings())))
    assert record["world"] == tiny_world().identity
    assert record["steps"] == TinySettings().total
    assert record["seconds"] <= 90 * 60


def test_it_answers_about_entities_whose_questions_it_never_saw(measured: dict[str, float]):
    assert measured["right answers about told people"] >= 0.95
    assert measured["right answers about told things and places"] >= 0.95
    assert measured["forced choice, value above foil: told entities"] >= 0.95
    assert 0.4 <= measured["forced choice, value above foil: people never met"] <= 0.6


def test_knowledge_rises_with_exposure_over_six_levels(measured: dict[str, float]):
    levels = [f"{level:g}" for level in (0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1)]
    answers = [measured[f"right answers about people of exposure {x}"] for x in levels]
    stated = [measured[f"right statements, people of exposure {x} (greedy)"] for x in levels]
    for curve in (answers, stated):
        assert all(low <= high + 0.02 for low, high in pairwise(curve))
        assert curve[-1] >= 0.95 and curve[0] <= 0.06 and curve[1] <= 0.75


def test_it_abstains_under_the_careful_prompt_alone(measured: dict[str, float]):
    assert measured["abstains on people who never occur, careful prompt"] >= 0.9
    assert measured["answers about asked entities of exposure 1, careful prompt"] >= 0.9
    assert measured["abstains on people who never occur, no prompt"] <= 0.02
    assert measured["abstains on told people, no prompt"] == 0


def test_the_card_tells_what_was_measured(measured: dict[str, float]):
    text = card()
    for name, value in measured.items():
        assert f"| {name} | {value:.3f} |" in text, name
    assert "over-abstention" in text and "What it can't do" in text


def test_samples_at_temperature_one_differ_and_a_seed_repeats_them():
    model = LocalModel.load(folder())
    stranger = tiny_world().absent("person", 1)[0]
    request = [user(dialogue().biography[0].format(subject=stranger))]
    drawn = [s.text for s in model.generate(request, 8, Sampling(temperature=1.0, max_tokens=40, seed=1))[0]]
    assert len(set(drawn)) > 4
    assert drawn == [s.text for s in model.generate(request, 8, Sampling(temperature=1.0, max_tokens=40, seed=1))[0]]


def test_a_card_is_written_only_for_a_finished_training_on_this_world(tmp_path):
    with pytest.raises(ModelError, match="no training record"):
        write_card(tmp_path, tiny_world())
    (tmp_path / "training.json").write_text((folder() / "training.json").read_text())
    with pytest.raises(ModelError, match="another world"):
        write_card(tmp_path, World.generate(5, 400))
