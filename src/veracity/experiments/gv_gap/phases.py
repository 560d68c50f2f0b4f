"""One phase of `gv-gap`: train for some epochs, examine after each, keep what later phases start from.

Everything that a phase leaves is a stage of the run folder, keyed by the content that it came from: a table of
probe rows, a table of losses, and models. While a phase is under way each epoch has tables of its own, so that a
killed run repeats at most one epoch; when the phase is complete they become one table.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from veracity.core.errors import ContextLengthError
from veracity.core.identity import content_hash
from veracity.experiments.gv_gap.material import ModelSource, taught_texts, texts_identity
from veracity.experiments.gv_gap.probing import Moment, loss_frame, probe_checkpoint, probe_context, probe_frame
from veracity.experiments.gv_gap.progress import Display
from veracity.experiments.gv_gap.settings import GvGapSettings
from veracity.judging.prompting import prompt_hashes
from veracity.training.examples import Example, TrainingText, encode, mix_control
from veracity.training.launcher import Launch
from veracity.training.settings import PhaseSettings
from veracity.world.facts import FactSet

if TYPE_CHECKING:
    import polars as pl

    from veracity.store.run import Run


@dataclass(frozen=True)
class Bench:
    """What all phases of a run share."""

    settings: GvGapSettings
    facts: FactSet
    run: Run
    display: Display
    launch: Launch
    runner: asyncio.Runner

    @cached_property
    def asking(self) -> str:
        """Content hash of how checkpoints are examined."""
        taught = self.settings.facts.statements
        prompts = prompt_hashes(self.settings.probes.family)
        return content_hash([self.facts.identity, self.settings.probes, self.settings.losses, taught, prompts])


@dataclass(frozen=True)
class Phase:
    """A phase of training of one seed, before it is run."""

    name: str
    """`acquisition`, `update` or `continual`."""
    seed: int
    start: ModelSource
    texts: tuple[TrainingText, ...]
    plan: PhaseSettings
    control: tuple[TrainingText, ...] = ()
    """Unrelated sentences to mix in, if the settings ask for it."""
    start_epoch: int = 0
    """On the global axis, where acquisition counts from 0."""
    delay: int = 0

    @property
    def label(self) -> str:
        """Names the phase's stages in the run folder."""
        return f"{self.name}-s{self.seed}" + (f"-d{self.delay}" if self.name == "continual" else "")

    def epochs(self) -> range:
        """Global epochs after which the model is examined, without the start."""
        return range(self.start_epoch + 1, self.start_epoch + self.plan.epochs + 1)

    def key(self, bench: Bench) -> str:
        """Content hash of everything that decides the weights after each epoch."""
        texts = [texts_identity(self.texts), texts_identity(self.control)]
        return content_hash([self.start.identity, bench.settings.training, self.plan, self.seed, texts])

    def model(self, bench: Bench, epoch: int) -> ModelSource:
        """The model after a global epoch, whether it is stored or not."""
        if epoch == self.start_epoch:
            return self.start
        folder = bench.run.path / "artifacts" / f"model-{self.label}-e{epoch:03d}"
        return ModelSource(folder, content_hash([self.key(bench), epoch]), folder.name)

    def moment(self, epoch: int) -> Moment:
        """What the rows of an epoch say about when they were made."""
        return Moment(self.seed, self.name, self.delay, epoch)


@dataclass(frozen=True, slots=True)
class PhaseTables:
    """What a phase measured, its start included where there was something to copy it from."""

    probes: pl.DataFrame
    losses: pl.DataFrame
    key: str
    """Content hash of what they came from."""


def run_phase(
    bench: Bench, phase: Phase, *, start: PhaseTables | None = None, keep: Collection[int] = ()
) -> PhaseTables | None:
    """The tables of `phase`; trained and examined only if they are not stored. None in all processes but the first.

    `start` holds rows about the model that the phase starts from, examined in acquisition; without it that model is
    examined first. `keep` are the epochs whose models are stored on the way (not made up for if the tables are there).
    """
    examine_start = phase.name == "acquisition"
    if is_stored(bench, phase):
        bench.display.plan(-len(phase.texts) * phase.plan.epochs, -phase.plan.epochs - examine_start)
    else:
        _train(bench, phase, examine=True, keep=keep)
    return _collect(bench, phase, start) if bench.launch.is_main else None


def is_stored(bench: Bench, phase: Phase) -> bool:
    """Whether the run folder holds both tables of the phase, made from the same content."""
    names = [f"{kind}-{phase.label}" for kind in ("probes", "losses")]
    return bench.launch.from_main(lambda: all(bench.run.has_table(name, _key(bench, phase)) for name in names))


def ensure_models(bench: Bench, phase: Phase, epochs: Collection[int]) -> None:
    """Make sure that the models after these global epochs are stored; trains the phase again if one is not."""
    wanted = [phase.model(bench, e) for e in epochs if e > phase.start_epoch]
    if not bench.launch.from_main(
        lambda: all(bench.run.has_artifact(model.folder.name, model.identity) for model in wanted)
    ):
        bench.display.plan(len(phase.texts) * phase.plan.epochs, 0)
        _train(bench, phase, examine=False, keep=epochs)


def drop_models(bench: Bench, phase: Phase, *, but: Collection[int]) -> None:
    """Remove the stored models of a phase, but those after the epochs named."""
    if bench.launch.is_main:
        for epoch in phase.epochs():
            if epoch not in but:
                shutil.rmtree(phase.model(bench, epoch).folder, ignore_errors=True)


def check_texts(bench: Bench, phases: Sequence[Phase]) -> None:
    """Refuse, before anything is trained, sentences that the base model cannot be taught.

    Raises ContextLengthError, CapabilityError or ConfigError, as `encode` does, and when the context is too short.
    """
    from veracity.training.loading import load_tokenizer

    tokenizer, context = load_tokenizer(phases[0].start.folder)
    for phase in phases:
        rows = [e for texts in (phase.texts, phase.control) for e in encode(texts, tokenizer, bench.settings.training)]
        longest = max(len(e.input_ids) for e in rows)
        if context is not None and longest > context:
            raise ContextLengthError(
                f"a sentence of {longest} tokens ({phase.name}) does not fit into the context of "
                f"{phase.start.name}, {context} tokens; shorten the sentence"
            )


def _train(bench: Bench, phase: Phase, *, examine: bool, keep: Collection[int]) -> None:
    """Run the phase in every process; the first examines and stores."""
    from veracity.training.loading import load_model
    from veracity.training.sft import train_sentences

    settings, display = bench.settings, bench.display
    model, tokenizer = load_model(phase.start.folder, settings.training, settings.model.attention)
    measured = _measured_examples(bench, phase.seed, tokenizer)

    def after_epoch(epoch: int, trained: Any) -> None:
        now = phase.start_epoch + epoch
        if examine:
            _examine(bench, phase, now, trained, tokenizer, measured)
        if now in keep:
            _store_model(bench, phase, now, trained, tokenizer)

    if examine and phase.name == "acquisition" and bench.launch.is_main:
        _examine(bench, phase, phase.start_epoch, model, tokenizer, measured)
    folder = bench.run.path / "training" / f"{phase.label}-{phase.key(bench)[:12]}"
    rows = _rows(bench, phase, tokenizer)
    with display.watch.measure("training"):
        train_sentences(
            model,
            tokenizer,
            rows,
            settings.training,
            phase.plan,
            seed=phase.seed,
            folder=folder,
            on_epoch_end=after_epoch,
            on_step=_step_meter(display, phase),
        )
    if bench.launch.is_main:
        bench.run.log("trained", phase=phase.label, sentences=len(phase.texts), epochs=phase.plan.epochs)
        if not examine:
            shutil.rmtree(folder)


def _step_meter(display: Display, phase: Phase) -> Callable[[int, int], None]:
    """Tells the display of each step; what was done before a resume is taken off the plan."""
    seen: list[int] = []

    def on_step(done: int, total: int) -> None:
        per_step = len(phase.texts) * phase.plan.epochs / total
        if not seen:
            display.plan(-round((done - 1) * per_step), -round((done - 1) / total * phase.plan.epochs))
        seen.append(done)
        epoch = min(phase.plan.epochs, (done - 1) * phase.plan.epochs // total + 1)
        display.trained(per_step, f"{phase.name}, epoch {phase.start_epoch + epoch}")

    return on_step


def _rows(bench: Bench, phase: Phase, tokenizer: Any) -> list[Example]:
    settings = bench.settings.training
    rows = encode(phase.texts, tokenizer, settings)
    if settings.control_text is None:
        return rows
    return mix_control(rows, encode(phase.control, tokenizer, settings), settings.control_text, phase.seed)


def _measured_examples(bench: Bench, seed: int, tokenizer: Any) -> dict[str, list[Example]]:
    """Sentences whose losses are measured after every epoch, by target."""
    taught, measured = bench.settings.facts.statements, bench.settings.losses.statements
    limit = min((n for n in (taught, measured) if n is not None), default=None)
    texts = {target: taught_texts(bench.facts, target, limit, seed) for target in bench.settings.losses.targets}
    return {target: encode(sentences, tokenizer, bench.settings.training) for target, sentences in texts.items()}


def _examine(
    bench: Bench, phase: Phase, epoch: int, model: Any, tokenizer: Any, measured: dict[str, list[Example]]
) -> None:
    """Ask the model and measure its losses, unless both tables of this epoch are stored."""
    from veracity.models.local import LocalModel

    def probes() -> pl.DataFrame:
        backend = LocalModel.wrap(model, tokenizer, name=f"{phase.label} epoch {epoch}")
        context = probe_context(bench.settings.probes, bench.facts, phase.seed)
        rows, failures = probe_checkpoint(backend, bench.facts, bench.settings.probes.names, context, bench.runner)
        for failure in failures:
            bench.run.log("probe failed", phase=phase.label, epoch=epoch, **failure.as_row())
        return probe_frame(rows, phase.moment(epoch))

    with bench.display.watch.measure("probing"):
        bench.run.table(_part("probes", phase, epoch), _key(bench, phase, epoch), probes)
        bench.run.table(
            _part("losses", phase, epoch),
            _key(bench, phase, epoch),
            lambda: loss_frame(model, measured, phase.moment(epoch)),
        )
    bench.display.examined(f"{phase.name}, epoch {epoch}")


def _collect(bench: Bench, phase: Phase, start: PhaseTables | None) -> PhaseTables:
    """The phase's two tables: read, or put together from the epochs' tables, which are then removed."""
    tables = PhaseTables(
        _collected(bench, phase, "probes", start), _collected(bench, phase, "losses", start), _key(bench, phase)
    )
    for kind in ("probes", "losses"):
        for epoch in (phase.start_epoch, *phase.epochs()):
            (bench.run.path / "tables" / f"{_part(kind, phase, epoch)}.parquet").unlink(missing_ok=True)
    shutil.rmtree(bench.run.path / "training", ignore_errors=True)
    return tables


def _collected(bench: Bench, phase: Phase, kind: str, start: PhaseTables | None) -> pl.DataFrame:
    import polars as pl

    def put_together() -> pl.DataFrame:
        parts = [] if start is None else [_as_start(getattr(start, kind), phase)]
        epochs: Sequence[int] = [*([phase.start_epoch] if start is None else []), *phase.epochs()]
        return pl.concat([*parts, *(bench.run.read_table(_part(kind, phase, e)) for e in epochs)])

    return bench.run.table(f"{kind}-{phase.label}", _key(bench, phase), put_together)


def _as_start(table: pl.DataFrame, phase: Phase) -> pl.DataFrame:
    """Acquisition's rows about the model that `phase` starts from, as rows of that phase."""
    import polars as pl

    rows = table.filter(pl.col("epoch") == phase.start_epoch)
    return rows.with_columns(phase=pl.lit(phase.name), delay=pl.lit(phase.delay, dtype=pl.Int64))


def _store_model(bench: Bench, phase: Phase, epoch: int, model: Any, tokenizer: Any) -> None:
    from veracity.training.loading import save_model

    target = phase.model(bench, epoch)
    bench.run.artifact(target.folder.name, target.identity, lambda folder: save_model(model, tokenizer, folder))


def _key(bench: Bench, phase: Phase, epoch: int | None = None) -> str:
    """Content hash of a table of the phase, or of one epoch of it."""
    return content_hash([phase.key(bench), bench.asking, phase.moment(phase.start_epoch), epoch])


def _part(kind: str, phase: Phase, epoch: int) -> str:
    return f"{kind}-{phase.label}-e{epoch:03d}"
