"""Recipes at paper scale validate, plan by hand-checked numbers without data or weights, and go through a dry run.

Counted by hand:

* Llama-2-7B has 6,738,415,616 parameters. Trained in mixed precision it takes 4 bytes for a weight, 4 for its gradient
  and 8 for two moments, and 4 for the reference of DPO: 20 × 6.74e9 = 134.8 GB on one device before activations, which
  spread over eight devices is 16.8 GB each.
* FactTune: 288 people × 10 texts = 2,880 rows of SFT, 45 batches of 64; 288 × C(10, 2) = 12,960 pairs, 203 batches.
"""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from veracity import recipes
from veracity.cli.app import app
from veracity.core.config import load_settings
from veracity.core.recipe_files import read_recipe, shipped_names
from veracity.core.requests import Call, Generate, Score, user
from veracity.experiments.base_models import architecture_of, configuration_of, count_parameters
from veracity.experiments.outlook import Outlook, memory_on, placement, plan_of, size_in
from veracity.experiments.registry import experiment_of
from veracity.experiments.rehearsing import rehearse
from veracity.judging.claims.reading import parse_claims
from veracity.judging.prompting import render
from veracity.models.simulated.understudy import answer_in_form, understudy
from veracity.training.clusters import cluster

FAMILIES = ("facttune-llama", "simplefact-qwen", "klcf-qwen", "klcf-zero-qwen", "klcf-r1", "truthrl", "knowrl", "l2rf")
KEPT = (
    "learning_rate",
    "beta",
    "grad_clip",
    "precision",
    "schedule",
    "epsilon_high",
    "loss_type",
    "group_size",
    "lora",
)
"""What no rehearsal changes."""
PAPER = [name for name in shipped_names() if name.startswith(FAMILIES)]


def outlook_of(recipe: str, *overrides: str) -> Outlook:
    read = read_recipe(recipe, overrides)
    experiment = experiment_of(read)
    assert experiment.outlook is not None
    return experiment.outlook(load_settings(experiment.settings, read))


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("meta-llama/Llama-2-7b-hf", 6.738415616),
        ("meta-llama/Llama-3.1-8B", 8.030261248),
        ("Qwen/Qwen2.5-7B", 7.615616512),
        ("Qwen/Qwen2.5-14B", 14.770033664),
        ("Qwen/Qwen2.5-32B", 32.763876352),
    ],
)
def test_parameters_are_those_that_the_models_have(model: str, billions: float) -> None:
    """Their published numbers of parameters."""
    assert count_parameters(model) == round(billions * 1e9)


def test_every_base_model_of_a_paper_recipe_is_known_without_its_weights() -> None:
    assert len(PAPER) == 16
    assert all(architecture_of(outlook_of(name).model) for name in PAPER)


@pytest.mark.parametrize("name", PAPER)
def test_recipes_plan_without_data_weights_or_keys(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is asked has a price or is free; one accumulation for all trainers, as the launcher is told one."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    outlook = outlook_of(name)
    plan = plan_of(outlook)
    assert not plan.unpriced
    assert all(one.steps > 0 and one.rows > 0 for one in outlook.trainings)
    assert len({one.settings.accumulation for one in outlook.trainings}) == 1
    text = (Path(recipes.__file__).parent / f"{name}.yaml").read_text("utf-8")
    launched = [line for line in text.splitlines() if "veracity launch" in line]
    words = launched[0].split()
    named = cluster(words[words.index("run") - 1])  # options stand before it
    told = int(words[words.index("--accumulation") + 1]) if "--accumulation" in words else 1
    for one in outlook.trainings:
        assert one.settings.accumulation == told
        assert one.settings.batch_size % (named.processes * told) == 0


def test_facttune_counts() -> None:
    """As in the docstring; the memory of a pair is 20 bytes a parameter and what its activations take."""
    outlook = outlook_of("facttune-llama2-7b")
    assert [(one.name, one.rows, one.steps) for one in outlook.trainings] == [
        ("sft", 2880, 45),
        ("fs", 12960, 203),
        ("mc", 12960, 203),
    ]
    dpo = outlook.trainings[1]
    size = size_in(dpo, configuration_of(outlook.model))
    alone = memory_on(dpo, size, cluster("one-gpu"))
    assert alone.total - alone.activations == 20 * 6_738_415_616
    spread = memory_on(dpo, size, cluster("fsdp-8"))
    assert spread.total - spread.activations == pytest.approx(20 * 6_738_415_616 / 8, rel=1e-6)
    # 8 pairs a device: 16 rows × 512 tokens × 32 layers × 4,096 units × 34 bytes
    assert spread.activations == 16 * 512 * 32 * 4096 * 34
    placed = placement(dpo, size)
    assert placed is not None
    assert placed.cluster.processes == 8
    calls = {line.role: line.calls[1] for line in plan_of(outlook).lines}
    assert calls["oracle"] == 2880 * 20  # a question for each of 20 claims of each text; 20 answers each
    assert calls["policy"] == 288 + 110 * (2 + 2 + 2) * 4


def test_zero_2_shares_moments_alone() -> None:
    """SFT under ZeRO-2 on eight GPUs: 4 bytes of weights whole, 12 of gradients and moments in eighths."""
    outlook = outlook_of("facttune-llama2-7b")
    sft = outlook.trainings[0]
    memory = memory_on(sft, size_in(sft, configuration_of(outlook.model)), cluster("zero2-8"))
    assert memory.total - memory.activations == pytest.approx(6_738_415_616 * (4 + 12 / 8), rel=1e-6)


def test_simplefact_counts() -> None:
    """4 × 750 × 16 = 48,000 in the filter; 1,200 × 160 = 192,000 in training; in the proof 600 questions, 3 finished
    models (base, start, both) × 3 prompts greedily, and 20 drawn for 2 models and the base's 3 prompts: 109 each."""
    outlook = outlook_of("simplefact-qwen25-32b-lora")
    assert outlook.samples == 48_000 + 192_000 + 600 * (3 * 3 + (2 + 3) * 20)
    sft = outlook.trainings[0]
    memory = memory_on(sft, size_in(sft, configuration_of(outlook.model)), cluster("one-gpu"))
    assert memory.weights == pytest.approx(2 * 32.76e9, rel=0.02)  # bfloat16; adapters on top
    assert memory.gradients < 0.04 * memory.weights
    assert memory.reference == 0  # the model without its adapters


@pytest.mark.parametrize(
    ("recipe", "trainers"),
    [
        ("facttune-llama31-8b", {"sft-0": "sft", "fs-0": "dpo", "mc-0": "dpo"}),
        ("simplefact-qwen25-32b-lora", {"both.0.2": "grpo"}),
        ("klcf-zero-qwen25-14b", {"klcf-0": "grpo", "truth-0": "sft"}),
        ("truthrl-qwen25-7b", {"TruthRL": "grpo"}),
    ],
)
def test_a_dry_run_reaches_every_trainer_with_its_settings(recipe: str, trainers: dict[str, str]) -> None:
    """What is not a size is what the recipe says."""
    done = rehearse(recipe)
    assert {one.name: one.trainer for one in done.trainings} == trainers
    assert not done.failures
    wanted = {one.name: one.settings for one in outlook_of(recipe).trainings}
    for one in done.trainings:
        settings = wanted.get(one.name.partition("-")[0].partition(".")[0].replace("truth", "truthfulness"))
        for key in (
            "learning_rate",
            "beta",
            "grad_clip",
            "precision",
            "schedule",
            "epsilon_high",
            "loss_type",
            "group_size",
        ):
            if settings is not None and key in one.settings:
                assert one.settings[key] == settings.model_dump(mode="json")[key], (one.name, key)


def test_understudies_keep_the_forms_and_differ_by_text() -> None:

    whole = render(
        "claims.whole.v1", question="Who?", response="a b c d e f g h", most=20, nothing="no verifiable claim"
    )
    assert parse_claims(answer_in_form(whole, Random(0))).claims == ("a b c d e f", "g h")
    grades = render("grade.answerable.v1", question="Where?", accepted=["Kelm"], answer="Ruf")
    said = {answer_in_form(grades, Random(n)) for n in range(30)}
    assert said == {"CORRECT", "INCORRECT", "NOT_ATTEMPTED"}
    model = understudy("x")
    replies = [model.fn(Call(0, Generate("judge", user(grades)), (0,))) for _ in range(2)]
    assert replies[0] == replies[1]
    assert all(p < 0 for p in model.fn(Call(0, Score("judge", "a", "b c"), (0,))).logprobs)


def test_plan_and_dry_run_on_the_command_line() -> None:
    shown = CliRunner().invoke(app, ["run", "truthrl-llama31-8b", "--plan"])
    assert shown.exit_code == 0, shown.output
    for part in ("TruthRL", "grpo", "openai/gpt-6-luna", "together: $"):
        assert part in shown.output
    refused = CliRunner().invoke(app, ["run", "factuality-tiny", "--dry-run"])
    assert refused.exit_code != 0


def test_steps_of_a_generation_are_whole() -> None:
    """KLCF: 4,000 prompts, 64 a step, 62 whole steps an epoch."""
    assert next(t.steps for t in outlook_of("klcf-zero-qwen25-7b").trainings if t.trainer == "grpo") == math.floor(
        4000 / 64
    )
