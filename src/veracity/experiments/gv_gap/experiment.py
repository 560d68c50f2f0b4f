"""The factual generation–verification gap: how a model comes to state what it recognises, and how it loses that.

After Davidson, Surina and Gulcehre, "The Future of Facts: Tracing the Factual Generation-Verification Gap", 2026,
arXiv 2605.27564. A model is taught facts that are nowhere in its training text, by declarative sentences alone.

1. **Acquisition.** Train on sentences that state each fact. After every epoch, and before the first, ask each fact's
   question (generation) and whether the right value is recognised against foils (verification).
2. **Saturation.** The epoch from which neither gains any more, by a declared rule; later phases start there.
3. **Update.** From the saturated model, train on sentences with a new value of each fact. Ask for old and new.
4. **Continual learning.** From the model N epochs past saturation, train on unrelated text. Ask for the first facts.

No question, verdict or answer format is ever trained on. A third value of each fact, the control, is never trained:
it says what recognition by chance looks like. Everything measured is one table of probe rows and one of losses; the
numbers, the checks of the paper's findings and the report are computed from those two tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veracity.core.identity import content_hash
from veracity.experiments.gv_gap.cost import gv_gap_cost
from veracity.experiments.gv_gap.material import (
    ModelSource,
    caution,
    find_model,
    gather_facts,
    taught_texts,
    unrelated_texts,
)
from veracity.experiments.gv_gap.outcome import estimates_of, find_saturation, saturation_row
from veracity.experiments.gv_gap.phases import (
    Bench,
    Phase,
    PhaseTables,
    check_texts,
    drop_models,
    ensure_models,
    is_stored,
    run_phase,
)
from veracity.experiments.gv_gap.probing import failures_of
from veracity.experiments.gv_gap.progress import Display
from veracity.experiments.gv_gap.settings import GvGapSettings
from veracity.experiments.registry import experiment
from veracity.judging.prompting import prompt_hashes
from veracity.training.launcher import Launch

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.metrics.saturation import Saturation
    from veracity.store.run import Run


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """What one seed's phases measured."""

    seed: int
    saturation: Saturation | None
    """None where no later phase was asked for."""
    tables: tuple[PhaseTables, ...]
    skipped_delays: tuple[int, ...]
    """Delays that lie beyond the last epoch of acquisition."""


@experiment("gv-gap", GvGapSettings, gv_gap_cost)
def run_gv_gap(settings: GvGapSettings, run: Run, console: Console) -> None:
    """Trace how generation and verification of facts rise, get overwritten and fade.

    Under `accelerate launch` every process calls this; the first alone asks and writes, and only it needs a
    writable `run`.
    """
    launch = Launch.from_environment()
    launch.per_device_batch(settings.training)
    facts = gather_facts(settings.facts)
    base = find_model(settings.model)
    if warning := caution(facts):
        console.print(f"note: {warning}", markup=False)
    with Display(console) as display, asyncio.Runner() as runner:
        bench = Bench(settings, facts, run, display, launch, runner)
        acquisitions = [acquisition_phase(bench, base, seed) for seed in settings.seeds]
        prepare(bench, acquisitions)
        outcomes = [run_seed(bench, acquisition) for acquisition in acquisitions]
        if launch.is_main:
            conclude(bench, base, outcomes)


def acquisition_phase(bench: Bench, base: ModelSource, seed: int) -> Phase:
    """Phase 1: the base model learns the facts."""
    texts = taught_texts(bench.facts, "learn", bench.settings.facts.statements, seed)
    return Phase(
        "acquisition", seed, base, tuple(texts), bench.settings.acquisition, control=_control_text(bench, seed)
    )


def later_phases(bench: Bench, acquisition: Phase, saturated: int) -> tuple[list[Phase], list[int]]:
    """Phases 3 and 4 of a seed, and the delays that acquisition was too short for."""
    settings, seed, last = bench.settings, acquisition.seed, acquisition.epochs()[-1]
    phases, skipped = [], []
    control = _control_text(bench, seed)
    if settings.update is not None:
        texts = taught_texts(bench.facts, "update", settings.facts.statements, seed)
        start = acquisition.model(bench, saturated)
        phases.append(Phase("update", seed, start, tuple(texts), settings.update, control, saturated))
    if settings.continual is not None:
        unrelated = tuple(unrelated_texts(settings.continual, settings.facts, seed))
        for delay in settings.continual.delays:
            epoch = saturated + delay
            if epoch > last:
                skipped.append(delay)
                continue
            start = acquisition.model(bench, epoch)
            phases.append(Phase("continual", seed, start, unrelated, settings.continual, (), epoch, delay))
    return phases, skipped


def prepare(bench: Bench, acquisitions: Sequence[Phase]) -> None:
    """Refuse what cannot be taught before anything is written, and plan the work for the progress bar."""
    for acquisition in acquisitions:
        phases, _ = later_phases(bench, acquisition, acquisition.start_epoch)
        everything = [acquisition, *phases]
        if not is_stored(bench, acquisition):
            check_texts(bench, everything)
        sentences = sum(len(p.texts) * p.plan.epochs for p in everything)
        bench.display.plan(sentences, 1 + sum(p.plan.epochs for p in everything))


def run_seed(bench: Bench, acquisition: Phase) -> SeedOutcome:
    """All phases of one seed, in order."""
    learned = run_phase(bench, acquisition, keep=_kept_on_the_way(bench, acquisition))
    if bench.settings.update is None and bench.settings.continual is None:
        _tidy(bench, acquisition, starts=[])
        return SeedOutcome(acquisition.seed, None, (learned,) if learned else (), ())
    saturated = bench.launch.from_main(lambda: _saturation(bench, acquisition, learned))
    phases, skipped = later_phases(bench, acquisition, saturated.epoch)
    if skipped and bench.launch.is_main:
        bench.display.console.print(
            f"seed {acquisition.seed}: saturated at epoch {saturated.epoch} of {acquisition.plan.epochs}, so continual "
            f"learning cannot start {', '.join(map(str, skipped))} epochs later; train acquisition for longer"
        )
    open_phases = [phase for phase in phases if not is_stored(bench, phase)]
    ensure_models(bench, acquisition, [phase.start_epoch for phase in open_phases])
    measured = [run_phase(bench, p, start=learned, keep=_kept_at_the_end(bench, p)) for p in phases]
    _tidy(bench, acquisition, starts=[phase.start_epoch for phase in phases])
    return SeedOutcome(acquisition.seed, saturated, tuple(t for t in (learned, *measured) if t), tuple(skipped))


def conclude(bench: Bench, base: ModelSource, outcomes: Sequence[SeedOutcome]) -> None:
    """Join the phases' tables, estimate, write manifest and report."""
    import polars as pl

    from veracity.report.page import write_report

    run, settings = bench.run, bench.settings
    facts = run.table("facts", bench.facts.identity, lambda: _facts_table(bench))
    phases = [t for outcome in outcomes for t in outcome.tables]
    key = content_hash([t.key for t in phases])
    probes = run.table("probes", key, lambda: pl.concat([t.probes for t in phases]))
    losses = run.table("losses", key, lambda: pl.concat([t.losses for t in phases]))
    run.table("failures", key, lambda: failures_of(probes))
    run.table("paper_scores", content_hash([key, bench.facts.identity]), lambda: _as_the_paper(probes, facts))
    repeated = run.complete  # every stage was there; computing one takes the manifest away
    if not repeated:
        run.write_estimates(estimates_of(probes, losses))
    prompts = prompt_hashes(settings.probes.family)
    timings = bench.display.watch.shares()
    run.write_manifest(
        recipe={"experiment": "gv-gap", **settings.model_dump(mode="json")},
        seeds={f"run {n}": seed for n, seed in enumerate(settings.seeds)},
        models={"base": base.identity},
        hashes={"facts": bench.facts.identity, **{f"prompt {name}": text for name, text in prompts.items()}},
        wall_s=timings["total"],
        cost=0.0,
        timings_s=timings,
        saturation=[saturation_row(o.saturation, o.seed) for o in outcomes if o.saturation],
        skipped_delays={str(o.seed): list(o.skipped_delays) for o in outcomes if o.skipped_delays},
        facts={"count": facts.height, "origin": bench.facts.origin},
    )
    if not repeated or not (run.path / "report.html").exists():
        write_report(run.path)
    bench.display.finish()


def _saturation(bench: Bench, acquisition: Phase, learned: PhaseTables | None) -> Any:
    """In the first process, where the tables are; the others are told."""
    if learned is None:
        raise RuntimeError("only the process that holds the tables can find saturation")
    found = find_saturation(learned.probes, acquisition.seed, bench.settings.saturation_epoch)
    bench.run.log("saturation", **saturation_row(found, acquisition.seed))
    return found


def _control_text(bench: Bench, seed: int) -> tuple[Any, ...]:
    """Unrelated sentences for the phases that teach facts, where the settings mix some in."""
    if bench.settings.training.control_text is None:
        return ()
    from veracity.experiments.gv_gap.settings import ContinualSettings

    source = bench.settings.continual or ContinualSettings()
    return tuple(unrelated_texts(source.model_copy(update={"sentences": None}), bench.settings.facts, seed))


def _kept_on_the_way(bench: Bench, acquisition: Phase) -> list[int]:
    """Epochs of acquisition whose models are stored before it is known where later phases start."""
    settings, epochs = bench.settings, list(acquisition.epochs())
    if settings.keep_checkpoints == "all":
        return epochs
    if settings.saturation_epoch is None and (settings.update or settings.continual):
        return epochs
    delays = settings.continual.delays if settings.continual else ()
    starts = [settings.saturation_epoch + d for d in (0, *delays)] if settings.saturation_epoch else []
    return [*starts, *_kept_at_the_end(bench, acquisition)]


def _kept_at_the_end(bench: Bench, phase: Phase) -> list[int]:
    """Epochs of a phase whose models stay in the finished run folder."""
    epochs = list(phase.epochs())
    return {"all": epochs, "phase_ends": epochs[-1:], "none": []}[bench.settings.keep_checkpoints]


def _tidy(bench: Bench, acquisition: Phase, *, starts: list[int]) -> None:
    """Remove the models that only had to be kept while phases might start from them."""
    kept = starts if bench.settings.keep_checkpoints == "phase_ends" else []
    drop_models(bench, acquisition, but=[*kept, *_kept_at_the_end(bench, acquisition)])


def _as_the_paper(probes: Any, facts: Any) -> Any:
    """Every epoch by the paper's own scoring, its substring fallback included."""
    from veracity.metrics.paper_scoring import paper_scores, with_fallback

    return paper_scores(with_fallback(probes, facts))


def _facts_table(bench: Bench) -> Any:
    import polars as pl

    names = ("id", "category", "relation", "subject", "value", "aliases", "update", "foil", "control", "exposure")
    columns = {name: [getattr(fact, name) for fact in bench.facts] for name in names}
    return pl.DataFrame(columns, schema_overrides={"aliases": pl.List(pl.String)})
