"""Labels by internal coherence: what a model finds most predictable from itself, compared with the truth.

1. **Statements.** Question and answer, from the options or accepted answers of any domain; two of one problem exclude
   one another.
2. **Labels.** Each model labels them by internal coherence maximisation (Wen et al., 2025, arXiv 2506.10139), once a
   seed, without any truth; and without examples, and with examples whose labels are random, its own, or true.
3. **Scores.** Agreement with the truth as labels stand and with True and False exchanged where that is nearer, for no
   search can know which word is the true one; agreement with a salient feature; agreement between seeds.
4. **Training data.** The labels of the search that is best by its own measure, as conversations.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from veracity.core.identity import content_hash
from veracity.core.records import Failure
from veracity.core.requests import Backend, Program
from veracity.domains import open_domain
from veracity.experiments.coherent_labels.asking import Labelled, coherent, labelled_by
from veracity.experiments.coherent_labels.plan import plan_labels
from veracity.experiments.coherent_labels.settings import CoherentLabelsSettings, longer_share
from veracity.experiments.coherent_labels.statements import Statement, statements_of
from veracity.experiments.desk import Desk, Policy, prompts_used
from veracity.experiments.factuality.bench import ledger_file, open_roles
from veracity.experiments.registry import Prepared, experiment

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.store.run import Run

SEARCH = "coherent"
"""The method's name in tables."""
Ways = dict[tuple[str, str, int | None], Labelled | Failure]
"""(model, method, seed) → its labels; without examples there is nothing to draw, and no seed."""


def prepare_coherent_labels(settings: CoherentLabelsSettings) -> Prepared:
    """Open the models that are there, and say what the run would ask and cost at most."""
    statements, backends = drawn_statements(settings), opened(settings)
    plan = plan_labels(settings, statements, backends)
    return Prepared(plan, partial(label, settings, statements, backends))


@experiment("coherent-labels", CoherentLabelsSettings, prepare=prepare_coherent_labels)
def run_coherent_labels(settings: CoherentLabelsSettings, run: Run, console: Console) -> None:
    """Label statements by internal coherence (ICM), without truth; compare with truth, examples and chance."""
    prepare_coherent_labels(settings).run(run, console)


def drawn_statements(settings: CoherentLabelsSettings) -> tuple[Statement, ...]:
    """Those of the drawn problems. Raises ConfigError as `statements_of` does."""
    problems = open_domain(settings.domain).problems(settings.problems, settings.split, settings.seed)
    return statements_of(problems, settings.options, settings.seed)


def opened(settings: CoherentLabelsSettings) -> dict[str, Backend]:
    """All models but those that the run makes, by name."""
    return open_roles({model: model for model in settings.models if longer_share(model) is None}, None)


def label(
    settings: CoherentLabelsSettings,
    statements: Sequence[Statement],
    backends: Mapping[str, Backend],
    run: Run,
    console: Console,
) -> None:
    """Make the models that are to be made, label, score, write what was found."""
    from veracity.engine.display import Display
    from veracity.experiments.coherent_labels.outcome import conclude
    from veracity.store.ledger import Ledger

    started = time.monotonic()
    with Ledger(ledger_file()) as ledger, asyncio.Runner() as runner, Display(console, backends) as display:
        say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
        desk = Desk(run, dict(backends), ledger, settings.budget, display, runner, say)
        for model in settings.models:
            if (longer := longer_share(model)) is not None:
                desk.play_as(model, made(desk, settings, statements, model, longer))
        labels_stage(desk, settings, statements)
        conclude(desk, settings, statements, time.monotonic() - started)


def made(
    desk: Desk, settings: CoherentLabelsSettings, statements: Sequence[Statement], model: str, longer: float
) -> Policy:
    """A micro model: trained, if the run does not have it yet."""
    from veracity.experiments.coherent_labels.micro import make_micro
    from veracity.training.lineage import parent_hash

    name, key = slug(model), content_hash([statements, longer, settings.micro])
    with desk.timed(f"train {name}"):
        folder = desk.run_folder.artifact(
            name, key, lambda out: make_micro(statements, longer, settings.micro, out, desk.steps(name))
        )
    return Policy(str(folder), parent_hash(folder))


def slug(model: str) -> str:
    """A model's name as that of a folder."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in model).strip("-.")


def programs(
    settings: CoherentLabelsSettings, statements: Sequence[Statement]
) -> Iterator[tuple[tuple[str, str, int | None], Program[Labelled]]]:
    """Every way in which every model labels the statements."""
    truths = any(one.truth is not None for one in statements)
    for model in settings.models:
        for seed in settings.search.seeds:
            yield (model, SEARCH, seed), coherent(statements, settings, model, seed)
        for method in settings.baselines:
            if method == "zero_shot":
                yield (model, method, None), labelled_by(method, statements, settings, model, settings.seed)
            elif method != "gold_examples" or truths:
                for seed in settings.search.seeds:
                    yield (model, method, seed), labelled_by(method, statements, settings, model, seed)


def labels_stage(desk: Desk, settings: CoherentLabelsSettings, statements: Sequence[Statement]) -> None:
    """The tables `labels`, `searches` and `utilities`."""
    from veracity.experiments.coherent_labels.rows import (
        LABELS,
        SEARCHES,
        UTILITIES,
        label_rows,
        search_rows,
        utilities,
    )

    inputs = settings.model_dump(mode="json", include={"search", "baselines", "rounds", "shown", "seed"})
    prompts = prompts_used(["mutual.label."])
    key = [statements, {model: desk.identity(model) for model in settings.models}, inputs, prompts]

    @cache
    def ways() -> Ways:
        asked = dict(programs(settings, statements))
        found = desk.run("labels", {_named(way): program for way, program in asked.items()})
        return {way: found[_named(way)] for way in asked}

    desk.store("labels", ["labels", key], lambda: LABELS.frame(label_rows(statements, ways())))
    desk.store("searches", ["searches", key], lambda: SEARCHES.frame(search_rows(ways())))
    desk.store("utilities", ["utilities", key], lambda: UTILITIES.frame(utilities(ways())))


def _named(way: tuple[Any, ...]) -> str:
    return "/".join(str(part) for part in way if part is not None)
