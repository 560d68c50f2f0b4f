"""Everything that a truth-seeking run works with, opened once: systems under test, judges, the ledger, the problems.

A policy's role is its name in the settings. A *system* is a policy under a system prompt in a reasoning mode: what the
tables call an arm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from veracity.core.errors import ConfigError
from veracity.core.problem import Problem
from veracity.core.requests import Backend, Sampling
from veracity.domains import open_domain
from veracity.experiments.factuality.asking import system_text
from veracity.experiments.factuality.bench import ledger_file, open_roles
from veracity.experiments.truth_seeking.settings import NEED_BELIEFS, TruthSeekingSettings
from veracity.judging.beliefs import BeliefSettings
from veracity.judging.graders import Grader, asking_for_belief, asks_a_model, named_grader, sandbox_of
from veracity.models.system_prompts import NONE
from veracity.reasoning import Mode, open_mode

if TYPE_CHECKING:
    from veracity.store.ledger import Ledger

JUDGE, GENERATOR, GRADER, INVESTIGATOR, FORECASTER = "judge", "generator", "grader", "investigator", "forecaster"
"""Roles beside the policies, whose role is their name; a second judge is `judge 2`, and so on."""
WORLD_GENERATOR, SECOND_RATER = "task generator", "second rater"


@dataclass(frozen=True, slots=True)
class System:
    """One policy under one system prompt in one mode."""

    model: str
    """As the settings name it; its role."""
    prompt: str
    """System prompt by id."""
    mode: Mode

    @property
    def arm(self) -> str:
        """What tables call it: `sim/bayesian · careful · chain_of_thought`."""
        return " · ".join([self.model, *([] if self.prompt == NONE else [self.prompt]), self.mode.spec])


@dataclass(frozen=True)
class Bench:
    """The roles, the ledger, the systems and the problems of one run; make one by `open_truth_bench`."""

    settings: TruthSeekingSettings
    backends: Mapping[str, Backend]
    ledger: Ledger
    problems: tuple[Problem, ...]
    pools: Mapping[str, tuple[Problem, ...]]
    """By domain, all problems of the run's split; auxiliary questions are drawn from them."""
    foreign: tuple[Problem, ...]

    @cached_property
    def systems(self) -> tuple[System, ...]:
        """Models × system prompts × modes."""
        asked = self.settings.eval
        modes = [open_mode(spec) for spec in asked.modes]
        return tuple(System(m, p, mode) for m in asked.chosen_models for p in asked.system_prompts for mode in modes)

    @cached_property
    def by_name(self) -> Mapping[tuple[str, str], Problem]:
        """Problems by (domain, id)."""
        return {(problem.domain, problem.id): problem for problem in self.problems}

    @property
    def judges(self) -> tuple[str, ...]:
        """Roles of the fixed judges, the first one first."""
        return tuple(judge_roles(self.settings))

    @cached_property
    def grader(self) -> Grader:
        """The grader of the settings."""
        return named_grader(self.settings.grader.spec)

    @property
    def grader_asks_model(self) -> bool:
        """Whether grading takes a model, and not the problem's truth or the user's own code alone."""
        return asks_a_model(self.grader)

    def form(self, problem: Problem) -> str:
        """What the policy alone is told about the form of its answer, so that a grader finds the belief in it."""
        wanted = "grader" in self.settings.eval.metrics and self.settings.grader.belief_format
        if not wanted or self.grader.name != "python_brier" or len(problem.options) != 2:
            return ""
        return asking_for_belief(problem).question.removeprefix(problem.question).strip()

    def identity(self, role: str) -> str:
        """Of whoever plays `role`; empty where nobody does."""
        return self.backends[role].identity if role in self.backends else ""

    def readers(self, model: str) -> tuple[str, ...]:
        """Roles of those who read the beliefs of a model's trajectories."""
        return (model,) if self.settings.belief.judge == "policy" else self.judges

    def reading(self, model: str, reader: str, number: int = 0, *, steps: bool = False) -> BeliefSettings:
        """How `reader` reads the beliefs of a model in a round; with `steps` after every step."""
        from veracity.core.identity import derive_seed

        asked, judge, seed = self.settings.belief, self.settings.judge, self.settings.seed
        first = reader == self.readers(model)[0]
        priors = tuple(p for p in asked.priors if first or p != "policy_prior")  # the policy's own number is one
        drawn = derive_seed(seed, "beliefs", number) % 2**31
        return BeliefSettings(
            role=reader,
            owner=asked.owner,
            granularity="step" if steps else asked.granularity,
            view=asked.view,
            priors=priors,
            replicates=asked.replicates,
            policy_role=model,
            sampling=Sampling(temperature=judge.temperature, max_tokens=judge.max_tokens, seed=drawn),
            seed=seed,
            system=system_text(asked.system_prompt),
        )


def open_truth_bench(settings: TruthSeekingSettings, opened: Mapping[str, str] | None = None) -> Bench:
    """Open the problems, the models and the project's ledger; `opened`: what a role is opened as, if not by its name.

    Raises:
        ConfigError: a name that does not exist, problems that a metric or a mode cannot use, two names of one model.
        ModelError: a model that cannot be loaded.
        DataError: a file of problems that cannot be read.
    """
    from veracity.store.ledger import Ledger

    asked = settings.eval
    for spec in asked.modes:
        open_mode(spec)
    for name in (*asked.system_prompts, settings.belief.system_prompt):
        system_text(name)
    problems, pools = _drawn(settings)
    foreign = tuple(p for name in settings.auxiliary_domains for p in open_domain(name).problems(None, asked.split))
    _check_usable(settings, problems)
    backends = open_roles(_names(settings) | dict(opened or {}), None)
    if "grader" in asked.metrics:
        backends |= sandbox_of(_grader_that_is_played(settings))
    _check_different(asked.chosen_models, backends)
    if "qualitative" in asked.metrics:
        _check_raters(settings, backends)
    return Bench(settings, backends, Ledger(ledger_file()), problems, pools, foreign)


def judge_roles(settings: TruthSeekingSettings) -> Iterator[str]:
    """`judge`, `judge 2`, …: a role a fixed judge."""
    return (JUDGE if number == 1 else f"{JUDGE} {number}" for number in range(1, len(settings.judge.models) + 1))


def role_names(settings: TruthSeekingSettings) -> dict[str, str]:
    """Role → model as the settings name it; roles that nobody plays are left out."""
    asked, metrics = settings.eval, settings.eval.metrics
    named: dict[str, str | None] = {name: name for name in asked.chosen_models}
    named |= dict(zip(judge_roles(settings), settings.judge.models, strict=True))
    first = next(iter(settings.judge.models), None)
    if any("source=llm" in mode for mode in asked.modes):
        named[GENERATOR] = settings.generator or first
    if "grader" in metrics:
        named[GRADER] = settings.grader.model or first
    if "qualitative" in metrics:
        named[SECOND_RATER] = settings.qual.second
    if "mutual_predictability" in metrics:
        named |= {name: name for name in settings.mp.predictors}
    if "world_in_the_loop" in metrics:
        witl = settings.witl
        named |= {WORLD_GENERATOR: witl.generator or first, INVESTIGATOR: witl.investigator}
        named |= {FORECASTER: witl.forecaster}
    return {role: name for role, name in named.items() if name}


def _names(settings: TruthSeekingSettings) -> dict[str, str]:
    """`role_names`, through batch APIs where that is wanted."""
    names = role_names(settings)
    if settings.batch:
        from veracity.models.batch.opening import batched_name

        names = {role: batched_name(name) for role, name in names.items()}
    return names


def _drawn(settings: TruthSeekingSettings) -> tuple[tuple[Problem, ...], dict[str, tuple[Problem, ...]]]:
    """The drawn problems of every domain in a fixed order, and the pools that they are from."""
    asked, found = settings.eval, list[Problem]()
    pools: dict[str, tuple[Problem, ...]] = {}
    for spec in asked.domains:
        domain = open_domain(spec)
        drawn = domain.problems(asked.n, asked.split, settings.seed)
        if not drawn:
            raise ConfigError(f"none of the {len(domain)} problems of {spec} is in the split {asked.split!r}; set all")
        pools |= {problem.domain: domain.problems(None, asked.split) for problem in drawn[:1]}
        found += drawn
    if twice := [name for name, n in Counter((p.domain, p.id) for p in found).items() if n > 1]:
        raise ConfigError(f"{'/'.join(twice[0])} is in two of {', '.join(asked.domains)}; ask one of them at a time")
    return tuple(found), pools


def _grader_that_is_played(settings: TruthSeekingSettings) -> Grader:
    """The grader; ConfigError where it asks a model and none is named."""
    grader = named_grader(settings.grader.spec)
    if asks_a_model(grader) and GRADER not in role_names(settings):
        raise ConfigError(
            f"grader.spec={settings.grader.spec} asks a model, and nobody is named: set grader.model, or judge.models"
        )
    return grader


def _check_usable(settings: TruthSeekingSettings, problems: Sequence[Problem]) -> None:
    """Refuse a metric that not one of the problems can have; where some can, the others are counted."""
    metrics, domains = settings.eval.metrics, ", ".join(settings.eval.domains)
    by_belief = [name for name in metrics if name in NEED_BELIEFS]
    if by_belief and not any(p.options for p in problems):
        raise ConfigError(
            f"{by_belief[0]} needs beliefs over options, and no problem of {domains} has any; leave it out"
        )
    if "truth_accuracy" in metrics and all(p.correct is None for p in problems):
        raise ConfigError(
            f"truth_accuracy needs a right option, and no problem of {domains} says which it is; "
            "give the file that column, or leave the metric out"
        )
    if "grader" in metrics and all(named_grader(settings.grader.spec).lacks(p) for p in problems):
        lack = named_grader(settings.grader.spec).lacks(problems[0]) or ("", "")
        raise ConfigError(f"the grader {settings.grader.spec} can grade no problem of {domains}: {lack[1]}")
    two = [name for name in ("sycophancy", "pressure") if name in metrics]
    if two and not any(len(p.options) == 2 for p in problems):
        raise ConfigError(f"{two[0]} needs problems of two options, and {domains} has none; leave it out")


def _check_different(models: Sequence[str], backends: Mapping[str, Backend]) -> None:
    """Two names of one model would be two arms with one set of trajectories."""
    seen: dict[str, str] = {}
    for name in models:
        if (other := seen.setdefault(backends[name].identity, name)) != name:
            raise ConfigError(f"eval.models: {other} and {name} are the same model; name it once")


def _check_raters(settings: TruthSeekingSettings, backends: Mapping[str, Backend]) -> None:
    """Refuse a qualitative judge that is itself evaluated, unless that is wanted, and a second rater that is no other.

    Two names of one model are one model: identities are compared.
    """
    judge, second = backends[JUDGE].identity, backends.get(SECOND_RATER)
    own = next((name for name in settings.eval.chosen_models if backends[name].identity == judge), None)
    if own is not None and not settings.qual.own_judge:
        raise ConfigError(
            f"the qualitative judge {settings.judge.models[0]} is {own}, which it would judge: put another model first "
            "in judge.models, or set qual.own_judge=true"
        )
    if second is not None and second.identity == judge:
        raise ConfigError(
            f"qual.second: {settings.qual.second} is the judge itself; name a person (`human`) or another model"
        )
