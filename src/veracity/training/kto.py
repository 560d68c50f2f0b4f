"""Kahneman–Tversky optimization: learning from answers that are wanted or not, without pairs, through TRL.

Ethayarajh et al., 2024, arXiv 2402.01306, eq. 7–8. With s(y) = log π(y|x) − log π_ref(y|x) and z the batch's estimate
of the divergence, at least 0, from responses put to other prompts: λ_D (1 − σ(β(s − z))) for a desirable response,
λ_U (1 − σ(β(z − s))) for an undesirable one. The reference is the start model; with adapters, the model without them.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from veracity.core.errors import ConfigError, DataError
from veracity.core.identity import derive_seed
from veracity.training.arguments import lora_config, shared_arguments
from veracity.training.exchanges import Exchange, ExchangeEncoder, longest
from veracity.training.fitting import Fit, fit, within_context, without_card
from veracity.training.lineage import data_hash
from veracity.training.loading import device_of, load_tokenizer
from veracity.training.memory import MemoryShape
from veracity.training.preference_settings import PreferenceSettings
from veracity.training.records import LabelledResponse
from veracity.training.reference import keep_reference, sync_arguments
from veracity.training.watch import StepEnd, TrainingLog

LabelledExchange = tuple[Exchange, bool]
"""Tokens, and whether the response is desirable."""


class KtoSettings(PreferenceSettings):
    """Kahneman–Tversky optimization."""

    loss: Literal["kto", "apo_zero_unpaired"] = Field(
        default="kto", description="`apo_zero_unpaired` leaves the estimate z of the divergence out."
    )
    desirable_weight: float = Field(default=1.0, gt=0, description="λ_D: weight of desirable responses.")
    undesirable_weight: float = Field(default=1.0, gt=0, description="λ_U: weight of undesirable responses.")
    batch_size: int = Field(default=32, ge=1, description="Responses in one optimizer step, over all processes.")
    epochs: int = Field(default=1, ge=1, description="Passes over the responses.")
    learning_rate: float = Field(default=1e-6, gt=0, description="Highest learning rate; with adapters about 1e-5.")


def train_kto(
    start: Path,
    responses: Sequence[LabelledResponse],
    settings: KtoSettings,
    *,
    seed: int,
    folder: Path,
    out: Path,
    on_step: StepEnd | None = None,
    run: str = "",
    recipe: str = "",
) -> TrainingLog:
    """Train the model in `start` towards desirable responses and away from others, and write it to `out`.

    Args:
        start: A complete model folder; also the reference.
        responses: What is wanted and what is not.
        settings: How.
        seed: Of the order of rows, which is drawn once, and of adapters.
        folder: For checkpoints of this training alone; a killed training goes on from there to the same weights.
        out: The finished model's folder; if it is the result of this very training, nothing is done.
        on_step: Told of each optimizer step.
        run: For the lineage.
        recipe: For the lineage.

    Raises:
        CapabilityError: no chat template or end mark.
        ConfigError: fewer than two responses in a forward pass, so that the divergence cannot be estimated.
        ContextLengthError: a row is too long.
        DataError: there are no desirable responses, or no others.
        ModelError, NonFiniteError: as `fit`.
    """
    rows = encode_labelled(start, responses, settings, seed)
    held = settings.lora is None and not settings.precompute_reference
    work = Fit(
        trainer="kto",
        start=start,
        settings=settings,
        seed=seed,
        folder=folder,
        out=out,
        data={"responses": data_hash(responses)},
        memory=MemoryShape(rows=1, tokens=longest(exchange for exchange, _ in rows), reference=held),
        on_step=on_step,
        run=run,
        recipe=recipe,
    )
    return fit(work, lambda model, tok, batch: kto_trainer(model, tok, rows, settings, seed, folder, batch))


def encode_labelled(
    start: Path, responses: Sequence[LabelledResponse], settings: KtoSettings, seed: int
) -> list[LabelledExchange]:
    """The rows in the order of training; raises as `train_kto`.

    The trainer keeps that order, because the estimate of the divergence is tied to it; so it is shuffled here.
    """
    if len({response.desirable for response in responses}) < 2:
        raise DataError("KTO needs desirable responses and others; give both, or use demonstrations")
    tokenizer, context = load_tokenizer(start)
    encoder = ExchangeEncoder(tokenizer, within_context(settings.max_length, context))
    rows = [(encoder.encode(r.item, r.messages, r.response), r.desirable) for r in responses]
    random.Random(derive_seed(seed, "kto order")).shuffle(rows)
    return rows


def kto_trainer(
    model: Any,
    tokenizer: Any,
    rows: Sequence[LabelledExchange],
    settings: KtoSettings,
    seed: int,
    folder: Path,
    batch: int,
) -> Any:
    """TRL's trainer with every setting in it; `batch` is the responses of one forward pass."""
    from datasets import Dataset
    from trl import KTOConfig

    if settings.loss == "kto" and batch < 2:
        raise ConfigError(
            "KTO estimates the divergence from other rows of a forward pass, so it needs two at least; "
            "raise training.batch_size or lower training.accumulation"
        )
    arguments = kto_arguments(settings, seed=seed, folder=folder, batch=batch, device=device_of(model))
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    arguments["max_length"] = within_context(settings.max_length, context)  # a neighbour's response may be longer
    with warnings.catch_warnings():  # TRL and Transformers tell each other about names that they will change
        warnings.simplefilter("ignore", FutureWarning)
        trainer = _trainer_class()(
            model=model,
            args=KTOConfig(**arguments),
            train_dataset=Dataset.from_dict(_columns(rows, batch)),
            processing_class=tokenizer,
            peft_config=lora_config(settings.lora),
        )
    return keep_reference(trainer)


def kto_arguments(settings: KtoSettings, *, seed: int, folder: Path, batch: int, device: str) -> dict[str, Any]:
    """Our settings in TRL's words."""
    return {
        **shared_arguments(settings, settings, seed=seed, folder=folder, batch=batch, device=device),
        "loss_type": settings.loss,
        "beta": settings.beta,
        "desirable_weight": settings.desirable_weight,
        "undesirable_weight": settings.undesirable_weight,
        "precompute_ref_log_probs": settings.precompute_reference,
        **sync_arguments(settings.sync_reference),
        "disable_dropout": settings.disable_dropout,
        "max_length": settings.max_length,
        "train_sampling_strategy": "sequential",
    }


def _columns(rows: Sequence[LabelledExchange], batch: int) -> dict[str, list[Any]]:
    """TRL's columns; each prompt of a forward pass is also given its neighbour's response, for the divergence."""
    responses = [list(exchange.response_ids) for exchange, _ in rows]
    others: list[list[int]] = []
    for begin in range(0, len(rows), batch):
        part = responses[begin : begin + batch]
        others += [part[-1], *part[:-1]]
    return {
        "prompt_ids": [list(exchange.prompt_ids) for exchange, _ in rows],
        "completion_ids": responses,
        "KL_completion_ids": others,
        "label": [desirable for _, desirable in rows],
    }


def _trainer_class() -> Any:
    """TRL's trainer for rows that are tokenised already."""
    from trl import KTOTrainer

    class TokenRowTrainer(without_card(KTOTrainer)):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            """The rows as they are: the tokens that the model is asked with and would write."""
            return dataset

    return TokenRowTrainer
