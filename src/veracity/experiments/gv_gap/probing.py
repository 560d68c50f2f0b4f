"""One checkpoint under examination: its probe rows and its losses, as tables."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from veracity.core.errors import ModelError
from veracity.core.records import Failure
from veracity.core.requests import Backend, Sampling
from veracity.experiments.gv_gap.settings import ProbeSettings
from veracity.judging.probes import PROBES, ProbeContext, ProbeRow, other_values
from veracity.judging.probes.base import POLARITIES, row_maker
from veracity.training.examples import Example
from veracity.world.facts import Fact, FactSet

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Moment:
    """When a checkpoint was examined; the columns that probe and loss tables share."""

    seed: int
    phase: str
    delay: int
    epoch: int


def probe_context(settings: ProbeSettings, facts: FactSet, seed: int) -> ProbeContext:
    """How the probes of one run ask."""
    return ProbeContext(
        family=settings.family,
        abstention=settings.abstention,
        system=settings.system,
        targets=settings.targets,
        questions=settings.questions,
        foil_kinds=settings.foil_kinds,
        foils_per_kind=settings.foils_per_kind,
        options=settings.options,
        sampling=Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens, seed=seed),
        seed=seed,
        others=other_values(facts, seed),
    )


def probe_checkpoint(
    model: Backend, facts: FactSet, names: Sequence[str], context: ProbeContext, runner: asyncio.Runner
) -> tuple[list[ProbeRow], list[Failure]]:
    """Ask every probe about every fact; a probe that failed gives `request_failed` rows and a `Failure`.

    The replies are kept in memory only: the checkpoint lives in this process, and its rows are stored at once. One
    `runner` serves all checkpoints, because the threads of a new one each time would each keep memory of their own.
    Raises ModelError when every probe failed.
    """
    from veracity.engine import Engine

    of_item: dict[str, tuple[str, Fact]] = {f"{name}/{fact.id}": (name, fact) for name in names for fact in facts}
    programs = {item: PROBES.get(name)(fact, context) for item, (name, fact) in of_item.items()}
    results = runner.run(Engine({context.role: model}).run_async(programs))
    failures = [result for result in results.values() if isinstance(result, Failure)]
    if len(failures) == len(results):
        raise ModelError(f"every probe of {model.name} failed, the first with {failures[0].kind}: {failures[0].reason}")
    rows: list[ProbeRow] = []
    for item, result in results.items():
        rows += _failed_rows(*of_item[item], context, result) if isinstance(result, Failure) else result
    return rows, failures


def probe_frame(rows: Sequence[ProbeRow], moment: Moment) -> pl.DataFrame:
    """Probe rows as a probe table."""
    import polars as pl

    from veracity.metrics.probe_rows import PROBE_SCHEMA, check_probe_rows

    columns: dict[str, Any] = {f.name: [getattr(row, f.name) for row in rows] for f in fields(ProbeRow)}
    columns |= {name: [value] * len(rows) for name, value in _columns(moment).items()}
    return check_probe_rows(pl.DataFrame({name: columns[name] for name in PROBE_SCHEMA}, schema=PROBE_SCHEMA))


def failures_of(probes: pl.DataFrame) -> pl.DataFrame:
    """The probes that failed, once each: when, which, and why."""
    import polars as pl

    failed = probes.filter(pl.col("status") == "request_failed").unique(
        ["seed", "phase", "delay", "epoch", "fact", "probe"], maintain_order=True
    )
    item, reason = pl.concat_str("probe", "fact", separator="/"), pl.col("reply").str.split_exact(": ", 1)
    return failed.select(
        *("seed", "phase", "delay", "epoch"),
        item.alias("item"),
        reason.struct.field("field_0").alias("kind"),
        pl.col("reply").str.strip_prefix(reason.struct.field("field_0") + ": ").alias("reason"),
    )


def loss_frame(model: Any, examples: Mapping[str, Sequence[Example]], moment: Moment) -> pl.DataFrame:
    """Losses on the sentences of each target: over all tokens, and over those of the value."""
    import polars as pl

    from veracity.metrics.probe_rows import LOSS_SCHEMA
    from veracity.training.losses import mean_losses

    rows: list[dict[str, Any]] = []
    for target, sentences in examples.items():
        measured = mean_losses(model, sentences)
        for kind, loss in (("sentence", measured.sentence), ("answer", measured.answer)):
            rows.append({**_columns(moment), "kind": kind, "target": target, "loss": loss})
    return pl.DataFrame(rows, schema=LOSS_SCHEMA)


def _columns(moment: Moment) -> dict[str, Any]:
    return {"seed": moment.seed, "phase": moment.phase, "delay": moment.delay, "epoch": moment.epoch}


def _failed_rows(name: str, fact: Fact, context: ProbeContext, failure: Failure) -> list[ProbeRow]:
    """What is left of a probe that ended with an error: that it was asked, and why there is no answer."""
    make = row_maker(fact, name)
    reason = f"{failure.kind}: {failure.reason}"
    return [
        make(
            target=target, template="failed", prompt="", reply=reason, status="request_failed", correct=None, polarity=p
        )
        for target in context.targets
        for p in (POLARITIES if name == "verification" else ("",))
    ]
