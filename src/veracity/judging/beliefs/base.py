"""What belief probes ask and what they return: settings, one query to a model, and one reading of a belief."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from veracity.core.identity import content_hash
from veracity.core.requests import Message, Sampling
from veracity.judging.prompting import prompt_hashes

BeliefStatus = Literal["ok", "parse_failed", "refused", "out_of_range", "request_failed"]
Owner = Literal["policy_expressed", "judge_own"]
"""Whose belief a reading is: the one that the policy's words express, or the judge's own after reading them."""
PriorKind = Literal["policy_prior", "judge_prior", "first_step"]
"""`policy_prior`: the policy is asked for a number at once, before it reasons. `judge_prior`: the judge sees the
problem alone. `first_step`: the judge sees the problem and the first step."""
View = Literal["prefix", "hindsight"]
"""`prefix`: each belief is read from the steps up to it, in a request of its own. `hindsight`: one request shows the
whole trajectory and asks for all beliefs at once, so that a judge knows the end when it says how it began."""


@dataclass(frozen=True, slots=True)
class BeliefSettings:
    """How beliefs are read; the same for every trajectory of a run."""

    role: str = "judge"
    """Who reads: a fixed judge, or `policy`, the model that wrote the trajectory."""
    owner: Owner = "policy_expressed"
    granularity: Literal["ends", "step"] = "ends"
    """`ends`: after the first point and after the last. `step`: after each point; see `Trajectory.points`."""
    view: View = "prefix"
    priors: tuple[PriorKind, ...] = ("policy_prior", "judge_prior", "first_step")
    """The priors that are read; they differ, and a metric says which it takes."""
    replicates: int = 2
    """Independent readings of each belief: without two, a judge's noise cannot be told from a change of mind."""
    policy_role: str = "policy"
    """Who is asked for the policy's own prior."""
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=1.0, max_tokens=1024))
    """How readings are drawn; each replicate has its own stream of noise."""
    seed: int = 0
    """Decides which option is asked about, and in which order options are shown where no trajectory fixed one."""
    system: str | None = None
    """A system message for whoever reads; none, unless asked for."""

    def __post_init__(self) -> None:
        if self.replicates < 1:
            raise ValueError(f"{self.replicates} readings of a belief; ask for at least one")

    @property
    def prompt_hash(self) -> str:
        """Content hash of the prompt files and of what shapes a request; not of how many there are."""
        return _prompt_hash(self)


@cache
def _prompt_hash(settings: BeliefSettings) -> str:
    files = {name: digest for name, digest in prompt_hashes().items() if name.startswith("belief.")}
    shaping = [settings.role, settings.owner, settings.view, settings.sampling, settings.seed, settings.system]
    return content_hash(["beliefs", shaping, files])


@dataclass(frozen=True, slots=True)
class BeliefQuery:
    """What is asked at once: the beliefs after each of `steps`, about each of the options in `asked`."""

    steps: tuple[int, ...]
    """Numbers of steps of the trajectory; one number, but for hindsight."""
    length: int
    """The trajectory's last point; 0 if it has none."""
    priors: tuple[PriorKind | None, ...]
    """The kind of prior that each of `steps` is, if any."""
    replicate: int
    role: str
    owner: Owner
    view: View
    asked: tuple[int, ...]
    """Canonical indices of the options asked about, each by a prompt of its own: one of two, or all of several."""
    options: int
    """How many options there are."""
    order: tuple[int, ...]
    """Canonical indices in the order in which the options are shown."""
    prompts: tuple[tuple[Message, ...], ...]
    """One an entry of `asked`."""
    sampling: Sampling
    prompt_hash: str

    @property
    def name(self) -> str:
        """Tells it from the other queries of the same trajectory and settings."""
        shown = f"{self.steps[0]}-{self.steps[-1]}" if len(self.steps) > 1 else str(self.steps[0])
        return f"{self.view}/{self.priors[0] or 'belief'}/{shown}/{self.replicate}"


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a belief; `probabilities` is None unless `status` is ok."""

    step: int
    """How many steps of the trajectory had been shown; 0: none."""
    last: bool
    """Whether these were all."""
    prior: PriorKind | None
    replicate: int
    role: str
    """Who gave the number."""
    owner: Owner
    view: View
    order: tuple[int, ...]
    prompt_hash: str
    probabilities: tuple[float, ...] | None
    """Of all options, in canonical order; they sum to 1."""
    status: BeliefStatus
    reply: str | None = None
    """Raw; of several requests all replies, one after the other. None where a request failed."""
    reason: str | None = None
    """Why it is not ok."""

    @property
    def probability(self) -> float | None:
        """Probability of canonical option 0."""
        return self.probabilities[0] if self.probabilities is not None else None
