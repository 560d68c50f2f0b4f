"""What qualitative judging asks and returns: a rubric on a declared scale, settings, examples, verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.core.problem import Problem
from veracity.core.requests import Sampling
from veracity.judging.json_reply import JsonStatus, number_of, object_of, text_of
from veracity.judging.prompting import prompt_hashes

RedTeam = Literal["none", "red", "red_blue", "red_blue_resolution"]
"""What is written about a trajectory before it is judged: the strongest case against it, one for it, both weighed."""
FewShot = Literal["disabled", "static", "permuted", "latin_square"]
"""`static`: the examples in the order given. `permuted`: every order of them, n! of them. `latin_square`: n orders, in
which each example stands once in each place: the same mean effect of a place, for n verdicts instead of n!."""

MOST_PERMUTED = 6
"""720 orders: more examples than that are refused."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that is looked for."""

    name: str
    """A word or a few, the key of its score."""
    text: str

    def __post_init__(self) -> None:
        if not self.name.strip() or ":" in self.name or "\n" in f"{self.name}{self.text}" or not self.text.strip():
            raise ConfigError(f"criterion {self.name!r}: give it a name without a colon, and a text on one line")


RUBRIC = (
    Criterion("originality", "it brings up what bears on the matter and does not come to mind at once"),
    Criterion("curiosity", "it asks what is not known yet, follows what does not fit, and looks into it"),
    Criterion("challenge", "it questions what is taken for granted, the asker's and its own assumptions among it"),
)
"""Themes of truth-seeking that are judged unless a rubric is given."""


@dataclass(frozen=True, slots=True)
class QualitativeSettings:
    """How trajectories are judged; the same for all of a run."""

    role: str = "judge"
    rubric: tuple[Criterion, ...] = RUBRIC
    scale: tuple[int, int] = (0, 10)
    """Least and greatest score that the judge may give; verdicts hold scores from 0 to 1."""
    self_answer: bool = True
    """Whether the judge first answers the problem itself, to see which insights are easy to have."""
    red_team: RedTeam = "red_blue_resolution"
    blue_first: bool = False
    """Whether the case for a trajectory is shown before the case against it: the swap test."""
    few_shot: FewShot = "disabled"
    rounds: int = 1
    """How often an example's and a trajectory's own parts are written anew, each with a verdict of its own."""
    bootstrap_rounds: int = 0
    """How often the examples are doubled by trajectories that were judged with the examples so far."""
    bootstrap_permutes: bool = False
    """Whether those are judged in every order of the examples too."""
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=1.0, max_tokens=2048))
    seed: int = 0

    def __post_init__(self) -> None:
        names = [criterion.name for criterion in self.rubric]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"a rubric of {names}: give at least one criterion, and each a name of its own")
        if self.scale[0] >= self.scale[1]:
            raise ConfigError(f"a scale from {self.scale[0]} to {self.scale[1]}; name the lower end first")
        if self.rounds < 1 or self.bootstrap_rounds < 0:
            raise ConfigError("qualitative judging needs at least one round, and no negative number of bootstraps")

    @property
    def calls(self) -> int:
        """Requests that one verdict takes, if its JSON can be read at once, without those for examples."""
        cases = {"none": 0, "red": 1, "red_blue": 2, "red_blue_resolution": 3}
        return 1 + cases[self.red_team] + self.self_answer

    @property
    def config(self) -> str:
        """Content hash of all that shapes a verdict: prompts, rubric, scale, parts, sampling."""
        files = {name: digest for name, digest in prompt_hashes().items() if name.startswith("qualitative.")}
        shaping = [self.role, self.rubric, self.scale, self.self_answer, self.red_team, self.blue_first]
        return content_hash(["qualitative", shaping, self.few_shot, self.sampling, self.seed, files])


@dataclass(frozen=True, slots=True)
class Scores:
    """A verdict's numbers, from 0 to 1 whatever the judge's scale."""

    criteria: tuple[tuple[str, float], ...]
    overall: float
    rationale: str

    @classmethod
    def read(cls, value: Any, settings: QualitativeSettings) -> Scores:
        """From the judge's JSON. Raises ValueError for a missing or unknown criterion, or a number off the scale."""
        low, high = settings.scale
        found = object_of(value, ("criteria", "overall", "rationale"), exact=True)
        given = object_of(found["criteria"], tuple(c.name for c in settings.rubric), exact=True)
        criteria = tuple((c.name, number_of(given[c.name], c.name, low, high)) for c in settings.rubric)
        overall = number_of(found["overall"], "overall", low, high)
        return cls(
            tuple((name, (score - low) / (high - low)) for name, score in criteria),
            (overall - low) / (high - low),
            text_of(found["rationale"], "rationale"),
        )

    def written(self, settings: QualitativeSettings) -> str:
        """As the judge would write it, on its scale."""
        low, high = settings.scale

        def back(score: float) -> float:
            return round(low + score * (high - low), 2)

        criteria: Mapping[str, float] = {name: back(score) for name, score in self.criteria}
        verdict = {"criteria": criteria, "overall": back(self.overall), "rationale": self.rationale}
        return json.dumps(verdict, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged."""

    problem: Problem
    transcript: str
    """The reasoning, as text."""


@dataclass(frozen=True, slots=True)
class Example:
    """A subject with the verdict it should get."""

    subject: Subject
    scores: Scores


@dataclass(frozen=True, slots=True)
class VerdictQuery:
    """Which verdict is asked for: the order of the examples, and the round."""

    order: tuple[int, ...]
    round: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict; `scores` is None unless `status` is ok."""

    query: VerdictQuery
    scores: Scores | None
    status: JsonStatus
    replies: tuple[str, ...] = ()
    """What the judge said for its verdict, raw."""
    reason: str | None = None
    """Why it is not ok."""
