"""Planned steps are those that the phases will take; the rest is of the right size."""

from __future__ import annotations

import pytest

from veracity.core.config import load_settings
from veracity.core.recipe_files import shipped_names
from veracity.experiments.gv_gap.cost import gv_gap_cost
from veracity.experiments.gv_gap.settings import GvGapSettings

PAPER = "gv-gap-gemma3-4b"


def cost_of(recipe: str, *overrides: str):
    return gv_gap_cost(load_settings(GvGapSettings, recipe, ["model.path=some/model", *overrides]))


def test_steps_of_the_laboratory() -> None:
    # 60 people × 4 relations × 5 statements in batches of 64 are 19 steps an epoch, 1,000 unrelated ones are 16
    assert cost_of("gv-gap-demo", "acquisition.epochs=8", "update.epochs=7", "continual.epochs=6").training_steps == (
        19 * (8 + 7) + 16 * 6
    )


def test_steps_of_the_paper_and_their_phases() -> None:
    # 37 people × 4 relations × 8 statements in batches of 32 are 37 steps an epoch, 1,000 unrelated ones are 32
    assert cost_of(PAPER).training_steps == 37 * (20 + 20) + 4 * 30 * 32
    assert cost_of(PAPER, "update=null", "continual=null").training_steps == 37 * 20
    assert cost_of(PAPER, "seeds=[0,1,2]").training_steps == 3 * cost_of(PAPER).training_steps
    assert cost_of(PAPER, "training.accumulation=4").training_steps == cost_of(PAPER).training_steps


def test_bytes_follow_precision_and_adapters() -> None:
    # float32 weights, gradients and two moments; in pure bfloat16 half of that; adapters leave only the weights
    assert (cost_of(PAPER).state_bytes, cost_of(PAPER).checkpoint_bytes) == (16, 4)
    assert cost_of(PAPER, "training.precision=bfloat16").state_bytes == 8
    assert cost_of(PAPER, "training.lora.rank=8").state_bytes == 4


def test_checkpoints_follow_what_is_kept() -> None:
    counts = [cost_of(PAPER, f"keep_checkpoints={keep}").checkpoints for keep in ("none", "phase_ends", "all")]
    # four starts; with six ends besides; all 20 + 20 + 4 × 30 epochs; and three for the one to resume from
    assert counts == [4 + 3, 4 + 6 + 3, 160 + 3]


def test_probes_cost_what_they_ask() -> None:
    one = cost_of(PAPER, "probes.names=[generation]", "saturation_epoch=5").probe_tokens
    both = cost_of(PAPER, "probes.names=[generation,verification]").probe_tokens
    assert one < both
    assert cost_of(PAPER, "probes.family=plain").probe_tokens < both


@pytest.mark.parametrize(
    ("recipe", "model", "rates", "batch", "saturation"),
    [
        ("gemma3-4b", "google/gemma-3-4b-it", (5e-6, 2.5e-6, 1e-6), 32, 5),
        ("gemma3-12b", "google/gemma-3-12b-it", (3e-6, 1.5e-6, 6e-7), 16, 6),
        ("llama32-3b", "meta-llama/Llama-3.2-3B-Instruct", (3e-6, 1.5e-6, 1.5e-6), 32, 6),
        ("llama32-11b", "meta-llama/Llama-3.2-11B-Vision-Instruct", (2e-6, 1e-6, 4e-7), 32, 3),
        ("qwen3-4b", "Qwen/Qwen3-4B", (7e-6, 3.5e-6, 3.5e-6), 16, 10),
        ("qwen3-14b", "Qwen/Qwen3-14B", (7e-6, 3.5e-6, 3.5e-6), 16, 3),
        ("msft4-4b", "microsoft/Phi-4-mini-instruct", (3e-6, 1.5e-6, 1.5e-6), 8, 8),
        ("msft4-14b", "microsoft/Phi-4", (5e-7, 2.5e-6, 2.5e-6), 16, 5),
    ],
)
def test_recipes_of_the_paper(recipe: str, model: str, rates: tuple[float, ...], batch: int, saturation: int) -> None:
    """Davidson et al., 2026, arXiv 2605.27564: rates of the three phases, sentences a step, start of later phases."""
    settings = load_settings(GvGapSettings, f"gv-gap-{recipe}")
    assert settings.update is not None
    assert settings.continual is not None
    assert settings.model.path == model
    assert (
        settings.acquisition.learning_rate,
        settings.update.learning_rate,
        settings.continual.learning_rate,
    ) == rates
    assert (settings.training.batch_size, settings.saturation_epoch) == (batch, saturation)
    assert (settings.acquisition.epochs, settings.update.epochs, settings.continual.epochs) == (20, 20, 30)
    assert settings.continual.delays == ((0, 3, 6, 10) if recipe == "qwen3-4b" else (0, 3, 6, 12))
    assert gv_gap_cost(settings).model == model


def test_all_shipped_recipes_were_looked_at() -> None:
    assert len([name for name in shipped_names() if name.startswith("gv-gap")]) == 10
