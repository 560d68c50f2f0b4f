"""What every analyzer shares: a name, options, and up to four scales on which it looks at runs.

An analyzer is one file in `analyzers/` with one class under `@analyzer("name")`. It overrides the methods of the scales
that it has something to say on; each is a pure function of tables and returns findings. What can be set about it are
the fields of its `Options`.

Third parties add analyzers through the entry point group `veracity.analyzers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import polars as pl
from pydantic import ValidationError

from veracity.analysis.scores import RunTables, Setup, conditions, score_table, setups
from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.finding import Finding, Place, Scale
from veracity.core.registry import Registry, nearest


class Analyzer:
    """Base of all analyzers; says nothing on any scale."""

    name: ClassVar[str] = ""
    Options: ClassVar[type[Settings]] = Settings

    def __init__(self, options: Settings | None = None, *, seed: int = 0, resamples: int = 2000) -> None:
        self.options: Any = options if options is not None else self.Options()
        self.seed = seed
        self.resamples = resamples

    def on_trajectories(self, run: RunTables) -> Iterable[Finding]:
        """One finding a trajectory that there is something to say about."""
        return ()

    def on_run(self, run: RunTables, scores: pl.DataFrame) -> Iterable[Finding]:
        """About one run; `scores` are its own."""
        return ()

    def on_setup(self, setup: Setup) -> Iterable[Finding]:
        """About one setup, whatever runs it is from."""
        return ()

    def on_conditions(self, place: Place, scores: pl.DataFrame) -> Iterable[Finding]:
        """About all metrics together on one domain in one mode under one system prompt, where there are several."""
        return ()

    def across(self, runs: Sequence[RunTables], scores: pl.DataFrame) -> Iterable[Finding]:
        """About all runs together."""
        return ()

    @classmethod
    def scales(cls) -> tuple[Scale, ...]:
        """The scales that it looks at."""
        methods: dict[Scale, tuple[str, ...]] = {
            "trajectory": ("on_trajectories",),
            "run": ("on_run",),
            "setup": ("on_setup", "on_conditions"),
            "across": ("across",),
        }
        return tuple(
            scale
            for scale, names in methods.items()
            if any(getattr(cls, name) is not getattr(Analyzer, name) for name in names)
        )


ANALYZERS: Registry[type[Analyzer]] = Registry("analyzers", package="veracity.analysis.analyzers")
"""Name → analyzer; the first line of its docstring says what it asks."""


def analyzer(name: str) -> Callable[[type[Analyzer]], type[Analyzer]]:
    """Decorator: the class is the analyzer called `name`."""

    def add(kind: type[Analyzer]) -> type[Analyzer]:
        kind.name = name
        return ANALYZERS.register(name)(kind)

    return add


def analyze(
    runs: Sequence[RunTables],
    *,
    analyzers: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """All that the analyzers find in `runs`, in the order of their names and scales.

    Args:
        runs: One or more.
        analyzers: Names; all of them by default.
        options: By analyzer, the options that differ from their defaults.
        seed: Of every bootstrap, permutation and split.
        resamples: Draws of each.
        progress: Told which analyzer begins.

    Raises:
        ConfigError: no run, an unknown analyzer or option, or options that contradict the tables.
        DataError: a table breaks its rules, or two runs have one name.
    """
    if not runs or len({run.name for run in runs}) < len(runs):
        raise ConfigError("an analysis needs at least one run, and each of them once")
    asked = list(dict.fromkeys(analyzers)) if analyzers else ANALYZERS.names()
    if idle := sorted(set(options or {}) - set(asked)):
        ANALYZERS.get(idle[0])
        raise ConfigError(f"there are options for {idle[0]!r}, which is not among the analyzers asked for")
    made = [_make(name, (options or {}).get(name, {}), seed, resamples) for name in asked]
    scores = score_table(runs)
    found: list[Finding] = []
    for place, one in enumerate(made, start=1):
        progress(f"{one.name.replace('_', ' ')}, {place} of {len(made)} analyzers")
        found += _findings(one, runs, scores)
    return found


def _make(name: str, options: Mapping[str, Any], seed: int, resamples: int) -> Analyzer:
    kind = ANALYZERS.get(name)
    try:
        return kind(kind.Options(**options), seed=seed, resamples=resamples)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = list(kind.Options.model_fields)
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            raise ConfigError(
                f"{name}.{where} is no option{nearest(where, known)}; its options are: {', '.join(known) or 'none'}"
            ) from None
        raise ConfigError(f"{name}.{where}: {first['msg']}; it is {first['input']!r}") from None


def _findings(one: Analyzer, runs: Sequence[RunTables], scores: pl.DataFrame) -> Iterable[Finding]:
    for run in runs:
        yield from one.on_trajectories(run)
    for run in runs:
        yield from one.on_run(run, scores.filter(pl.col("run") == run.name))
    for setup in setups(scores):
        yield from one.on_setup(setup)
    for place, own in conditions(scores):
        yield from one.on_conditions(place, own)
    yield from one.across(runs, scores)
