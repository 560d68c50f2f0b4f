"""Direct preference optimization (Rafailov et al., 2023, arXiv 2305.18290, eq. 7) and its relatives, through TRL.

With s(y) = log π(y|x) − log π_ref(y|x), summed over the tokens of the response, the standard loss of a pair is
−log σ(β · (s(chosen) − s(rejected))). The reference is the start model; with adapters, the model without them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from veracity.core.errors import DataError
from veracity.training.arguments import lora_config, shared_arguments
from veracity.training.exchanges import Exchange, ExchangeEncoder, longest
from veracity.training.fitting import Fit, fit, within_context, without_card
from veracity.training.lineage import data_hash
from veracity.training.loading import device_of, load_tokenizer
from veracity.training.memory import MemoryShape
from veracity.training.preference_settings import PreferenceSettings
from veracity.training.records import PreferencePair
from veracity.training.reference import keep_reference, sync_arguments
from veracity.training.watch import StepEnd, TrainingLog

DpoLoss = Literal[
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sft",
    "sigmoid_norm",
]
"""Losses of TRL 1.16, by its names."""
Divergence = Literal["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"]
_UNPAIRED = ("nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down")
"""Losses that are no functions of the difference of the two scores alone, so that only the reverse KL fits them."""


_SMOOTHED = ("robust", "exo_pair", "aot", "aot_unpaired")
"""Losses that read the label smoothing."""


class DpoSettings(PreferenceSettings):
    """Direct preference optimization and its relatives."""

    loss: list[DpoLoss] = Field(
        default=["sigmoid"], min_length=1, description="Losses, summed; `sigmoid` is DPO itself, `sft` the likelihood."
    )
    loss_weights: list[float] | None = Field(default=None, description="A weight for each loss; null weighs all 1.")
    beta: float = Field(default=0.1, gt=0, description="How strongly the reference holds (τ of the `ipo` loss).")
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="Share of pairs taken to be the wrong way round; not for all losses."
    )
    divergence: Divergence = Field(default="reverse_kl", description="Between the trained model and the reference.")
    divergence_alpha: float = Field(default=0.5, description="Order of `alpha_divergence`.")
    length_desensitize: float | None = Field(
        default=None, ge=0, le=1, description="Weight of tokens beyond the shorter response (LD-DPO); null: 1."
    )
    weigh_by_likelihood: bool = Field(
        default=False, description="Weigh pairs by how likely the trained model is to write them (WPO)."
    )
    discopop_tau: float = Field(default=0.05, gt=0, description="Temperature of the `discopop` loss.")
    batch_size: int = Field(default=32, ge=1, description="Pairs in one optimizer step, over all processes.")
    epochs: int = Field(default=1, ge=1, description="Passes over the pairs.")
    learning_rate: float = Field(default=5e-7, gt=0, description="Highest learning rate; with adapters about 1e-5.")

    @model_validator(mode="after")
    def _losses_fit(self) -> DpoSettings:
        if self.loss_weights is not None and len(self.loss_weights) != len(self.loss):
            raise ValueError(f"{len(self.loss_weights)} loss_weights for {len(self.loss)} losses; give one for each")
        if self.label_smoothing and not set(_SMOOTHED) & set(self.loss):
            raise ValueError(f"label_smoothing acts on {', '.join(_SMOOTHED)} only; name one of them, or leave it at 0")
        if "exo_pair" in self.loss and not self.label_smoothing:
            raise ValueError("the exo_pair loss is infinite without label_smoothing; set it, to 0.001 for instance")
        if self.divergence != "reverse_kl" and (wrong := [name for name in self.loss if name in _UNPAIRED]):
            raise ValueError(f"divergence={self.divergence} has no meaning for {', '.join(wrong)}; use reverse_kl")
        if self.weigh_by_likelihood and {"aot", "aot_unpaired"} & set(self.loss):
            raise ValueError("weigh_by_likelihood needs pairs, which the aot losses sort apart; switch one off")
        return self


def train_dpo(
    start: Path,
    pairs: Sequence[PreferencePair],
    settings: DpoSettings,
    *,
    seed: int,
    folder: Path,
    out: Path,
    on_step: StepEnd | None = None,
    run: str = "",
    recipe: str = "",
) -> TrainingLog:
    """Train the model in `start` to prefer the chosen responses, and write it to `out`.

    Args:
        start: A complete model folder; also the reference.
        pairs: What is preferred to what.
        settings: How.
        seed: Of the order of pairs and of adapters.
        folder: For checkpoints of this training alone; a killed training goes on from there to the same weights.
        out: The finished model's folder; if it is the result of this very training, nothing is done.
        on_step: Told of each optimizer step.
        run: For the lineage.
        recipe: For the lineage.

    Raises:
        CapabilityError: no chat template or end mark.
        ContextLengthError: a pair is too long.
        DataError: there are no pairs, or the two responses of one are the same.
        ConfigError, ModelError, NonFiniteError: as `fit`.
    """
    rows = encode_pairs(start, pairs, settings)
    held = settings.lora is None and not settings.precompute_reference
    work = Fit(
        trainer="dpo",
        start=start,
        settings=settings,
        seed=seed,
        folder=folder,
        out=out,
        data={"pairs": data_hash(pairs)},
        memory=MemoryShape(rows=2, tokens=longest(e for row in rows for e in row), reference=held),
        on_step=on_step,
        run=run,
        recipe=recipe,
    )
    return fit(work, lambda model, tok, batch: dpo_trainer(model, tok, rows, settings, seed, folder, batch))


def encode_pairs(
    start: Path, pairs: Sequence[PreferencePair], settings: DpoSettings
) -> list[tuple[Exchange, Exchange]]:
    """Chosen and rejected exchange of each pair; raises as `train_dpo`."""
    if not pairs:
        raise DataError(
            "there are no pairs to train on: all scores tie or are missing; sample more responses of each prompt, at a "
            "higher temperature, or give another reward"
        )
    tokenizer, context = load_tokenizer(start)
    encoder = ExchangeEncoder(tokenizer, within_context(settings.max_length, context))
    rows = []
    for pair in pairs:
        if pair.chosen == pair.rejected:
            raise DataError("chosen and rejected response are the same; such a pair teaches nothing", path=pair.item)
        chosen = encoder.encode(pair.item, pair.messages, pair.chosen)
        rows.append((chosen, encoder.encode(pair.item, pair.messages, pair.rejected)))
    return rows


def dpo_trainer(
    model: Any,
    tokenizer: Any,
    rows: Sequence[tuple[Exchange, Exchange]],
    settings: DpoSettings,
    seed: int,
    folder: Path,
    batch: int,
) -> Any:
    """TRL's trainer with every setting in it; `batch` is the pairs of one forward pass."""
    from datasets import Dataset
    from trl import DPOConfig

    table = {
        "prompt_ids": [list(chosen.prompt_ids) for chosen, _ in rows],
        "chosen_ids": [list(chosen.response_ids) for chosen, _ in rows],
        "rejected_ids": [list(rejected.response_ids) for _, rejected in rows],
    }
    arguments = dpo_arguments(settings, seed=seed, folder=folder, batch=batch, device=device_of(model))
    with warnings.catch_warnings():  # TRL and Transformers tell each other about names that they will change
        warnings.simplefilter("ignore", FutureWarning)
        trainer = _trainer_class()(
            model=model,
            args=DPOConfig(**arguments),
            train_dataset=Dataset.from_dict(table),
            processing_class=tokenizer,
            peft_config=lora_config(settings.lora),
        )
    return keep_reference(trainer)


def dpo_arguments(settings: DpoSettings, *, seed: int, folder: Path, batch: int, device: str) -> dict[str, Any]:
    """Our settings in TRL's words."""
    return {
        **shared_arguments(settings, settings, seed=seed, folder=folder, batch=batch, device=device),
        "loss_type": list(settings.loss),
        "loss_weights": settings.loss_weights,
        "beta": settings.beta,
        "label_smoothing": settings.label_smoothing,
        "f_divergence_type": settings.divergence,
        "f_alpha_divergence_coef": settings.divergence_alpha,
        "ld_alpha": settings.length_desensitize,
        "use_weighting": settings.weigh_by_likelihood,
        "discopop_tau": settings.discopop_tau,
        "precompute_ref_log_probs": settings.precompute_reference,
        **sync_arguments(settings.sync_reference),
        "disable_dropout": settings.disable_dropout,
        "max_length": settings.max_length,
    }


def _trainer_class() -> Any:
    """TRL's trainer for rows that are tokenised already."""
    from trl import DPOTrainer

    class TokenPairTrainer(without_card(DPOTrainer)):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            """The rows as they are: the tokens that the model is asked with and would write."""
            return dataset

    return TokenPairTrainer
