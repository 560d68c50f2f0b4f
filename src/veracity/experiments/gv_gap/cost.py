"""What a point of `gv-gap` would take, known from its settings before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterable

from veracity.core.requests import Generate, Request, Score
from veracity.experiments.gv_gap.material import gather_facts, taught_texts, unrelated_texts
from veracity.experiments.gv_gap.probing import probe_context
from veracity.experiments.gv_gap.settings import GvGapSettings
from veracity.experiments.registry import Cost
from veracity.judging.probes import PROBES
from veracity.training.settings import PhaseSettings

_TOKENS_A_WORD = 1.4
"""Roughly, over tokenizers of English; made-up names take more."""


def gv_gap_cost(settings: GvGapSettings) -> Cost:
    """Count sentences, steps and requests; tokens are estimated from words."""
    facts, seed = gather_facts(settings.facts), settings.seeds[0]
    taught = [text.text for text in taught_texts(facts, "learn", settings.facts.statements, seed)]
    phases: list[tuple[PhaseSettings, list[str]]] = [(settings.acquisition, taught)]
    if settings.update is not None:
        phases.append((settings.update, taught))
    if settings.continual is not None:
        unrelated = [text.text for text in unrelated_texts(settings.continual, settings.facts, seed)]
        phases += [(settings.continual, unrelated)] * len(settings.continual.delays)
    examinations = 1 + sum(plan.epochs for plan, _ in phases)
    steps = sum(plan.epochs * math.ceil(len(texts) / settings.training.batch_size) for plan, texts in phases)
    tokens = sum(plan.epochs * _tokens(texts) for plan, texts in phases)
    runs, weight_bytes = len(settings.seeds), 2 if settings.training.precision == "bfloat16" else 4
    whole = settings.training.lora is None
    return Cost(
        model=settings.model.path,
        training_steps=runs * steps,
        training_tokens=runs * tokens,
        probe_tokens=runs * examinations * _probe_tokens(settings, seed),
        checkpoints=_checkpoints(settings) + (3 if whole else 1),  # to go on from: weights and two moments
        state_bytes=4 * weight_bytes if whole else weight_bytes,
        checkpoint_bytes=weight_bytes,
    )


def _checkpoints(settings: GvGapSettings) -> int:
    """Models on disk at the same time, at most."""
    delays = settings.continual.delays if settings.continual else ()
    later = [p for p in (settings.update, *([settings.continual] * len(delays))) if p is not None]
    starts = len({0, *delays}) if settings.saturation_epoch is not None else settings.acquisition.epochs
    if settings.keep_checkpoints == "all":
        return len(settings.seeds) * (settings.acquisition.epochs + sum(p.epochs for p in later))
    ends = len(later) + 1 if settings.keep_checkpoints == "phase_ends" else 0
    return (starts if later else 0) + len(settings.seeds) * ends


def _probe_tokens(settings: GvGapSettings, seed: int) -> int:
    """Tokens of one examination, from what the probes ask about the first facts."""
    facts = gather_facts(settings.facts)
    context = probe_context(settings.probes, facts, seed)
    sample = facts[: min(20, len(facts))]
    asked: list[Request] = []
    for fact in sample:
        for name in settings.probes.names:
            first = next(PROBES.get(name)(fact, context), ())
            asked += [first] if isinstance(first, Generate | Score) else list(first)  # type: ignore[arg-type]
    return round(sum(_request_tokens(r) for r in asked) * len(facts) / len(sample))


def _request_tokens(request: Request) -> float:
    """Prompt and reply; a prompt that several continuations share is counted with each."""
    if isinstance(request, Generate):
        return _tokens(_words(request.prompt)) + request.sampling.max_tokens
    if isinstance(request, Score):
        return _tokens([*_words(request.prompt), request.continuation])
    return 0.0


def _words(prompt: object) -> list[str]:
    return [prompt] if isinstance(prompt, str) else [message.content for message in prompt]  # type: ignore[attr-defined]


def _tokens(texts: Iterable[str]) -> int:
    return math.ceil(_TOKENS_A_WORD * sum(len(text.split()) for text in texts))
