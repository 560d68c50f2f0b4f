"""World in the loop: a good answer makes what is then observed in the world more predictable.

Three stages, each with its own table rows: *tasks* (what could be observed, and all ways in which it could turn out,
fixed before anybody looks), *investigation* (an agent looks, and reports), *uplift* (how much likelier the report, and
the outcome, become for a forecaster who has read the answer).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.core.requests import Sampling
from veracity.judging.json_reply import object_of, text_of
from veracity.judging.prompting import prompt_hashes
from veracity.judging.token_scores import TokenScores

Template = Literal["vanilla", "rephrase", "toolcall"]
"""How the forecaster meets the report. `vanilla`: as the answer to a plain request for a prediction. `rephrase`:
written anew first, so that its style tells nothing, after a word on how data are gathered. `toolcall`: as what a named
investigator returned to a formal call."""
Arm = Literal["answer", "irrelevant", "other_policy"]
"""What the forecaster has read: the answer; as many words of an answer to another question; another policy's answer."""
InvestigationStatus = Literal["ok", "timed_out", "request_failed", "parse_failed", "refused"]
"""`parse_failed`: the investigator named none of the outcomes. `refused`: it says that nothing settles it."""

OUTCOMES = (2, 12)
"""How many outcomes a task may have."""
UNSETTLED = "unsettled"
"""What an investigator says where nothing that it found decides between the outcomes."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """How tasks are made, looked into and scored; the same for all trajectories of a run."""

    as_of: date
    """Data from after this day are not to be used; part of every request, so that a later run asks something else."""
    template: Template = "vanilla"
    blind: bool = True
    """Whether who makes tasks sees the question alone, so that an observation cannot borrow the answer's wording."""
    tasks: int = 2
    """Of one answer."""
    generator_role: str = "generator"
    investigator_role: str = "investigator"
    forecaster_role: str = "forecaster"
    """Must give log-probabilities."""
    rephraser_role: str = "generator"
    arms: tuple[Arm, ...] = ("answer", "irrelevant", "other_policy")
    seconds: float = 1200.0
    """What one investigation may take."""
    dollars: float | None = None
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=1.0, max_tokens=2048))
    """How tasks are drawn."""

    def __post_init__(self) -> None:
        if self.tasks < 1 or self.seconds <= 0:
            raise ConfigError(f"tasks={self.tasks}, seconds={self.seconds:g}: an answer needs a task, and a task time")
        if self.arms[:1] != ("answer",) or len(set(self.arms)) < len(self.arms):
            raise ConfigError(f"arms {list(self.arms)}: begin with answer, and name each control once")

    @property
    def task_config(self) -> str:
        """Content hash of what shapes tasks and reports."""
        return content_hash(
            [
                "world tasks",
                str(self.as_of),
                self.blind,
                self.tasks,
                self.sampling,
                self.generator_role,
                *_files("task"),
            ]
        )

    @property
    def config(self) -> str:
        """Content hash of what shapes an uplift: the above, the template and its prompts."""
        prompts = _files("investigate") + _files(self.template) + _files("outcome")
        return content_hash(["world in the loop", self.task_config, self.template, *prompts])


def _files(part: str) -> list[tuple[str, str]]:
    return sorted((n, digest) for n, digest in prompt_hashes().items() if n.startswith(f"world.{part}"))


@dataclass(frozen=True, slots=True)
class WorldTask:
    """One thing that can be observed."""

    question: str
    """About the world, answerable by data."""
    outcomes: tuple[str, ...]
    """All ways in which it can turn out, of which exactly one will hold; fixed before anybody looks."""

    @property
    def id(self) -> str:
        """Content hash: equal tasks share one investigation."""
        return content_hash(["world task", self.question, self.outcomes])

    @classmethod
    def read(cls, value: Any) -> WorldTask:
        """From JSON. Raises ValueError for a task without a question, or whose outcomes are too few, many or alike."""
        found = object_of(value, ("question", "outcomes"), exact=True)
        outcomes = found["outcomes"]
        if not isinstance(outcomes, list) or not OUTCOMES[0] <= len(outcomes) <= OUTCOMES[1]:
            raise ValueError(f"outcomes is no list of {OUTCOMES[0]} to {OUTCOMES[1]} texts")
        texts = tuple(" ".join(text_of(outcome, "an outcome").split()) for outcome in outcomes)
        if len({text.casefold() for text in texts} | {UNSETTLED}) < len(texts) + 1:
            raise ValueError(f"two outcomes are the same, or one is {UNSETTLED!r}")
        return cls(text_of(found["question"], "question"), texts)


@dataclass(frozen=True, slots=True)
class TaskSampling:
    """The tasks of one answer; none unless `status` is ok."""

    tasks: tuple[WorldTask, ...]
    status: Literal["ok", "parse_failed", "request_failed"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Investigation:
    """What an investigator found; `report` and `outcome` are None unless `status` is ok."""

    task: WorldTask
    report: str | None
    outcome: int | None
    """Index of the outcome that holds."""
    status: InvestigationStatus
    reason: str | None = None

    @property
    def report_hash(self) -> str | None:
        """Content hash of the report: what was scored against what."""
        return None if self.report is None else content_hash(self.report)


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """What a forecaster reads before it forecasts."""

    arm: Arm
    text: str


@dataclass(frozen=True, slots=True)
class Uplift:
    """Log-probabilities in nats with and without one arm's answer; None unless `status` is ok."""

    arm: Arm
    status: Literal["ok", "request_failed", "skipped"]
    reason: str | None = None
    conditional: float | None = None
    """Of the report, given task, question and answer."""
    base: float | None = None
    """Of the report, given task and question."""
    tokens: int | None = None
    """Of the report, by the forecaster's tokenizer."""
    outcome_conditional: float | None = None
    """Log-probability of the outcome among all outcomes of the task, given task, question and answer."""
    outcome_base: float | None = None
    by_token: TokenScores | None = None
    """What `conditional` and `base` are sums of."""
