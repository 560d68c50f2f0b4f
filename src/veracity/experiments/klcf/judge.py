"""The judge that rewards `klcf` while it trains: each part asked for what the arm's rewards read, and timed apart.

No retrieval happens here unless a reward reads verdicts (the shaped reward that KLCF is compared with does): what the
base model knows stands in checklists and in the truthfulness model.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import fsum
from typing import TypeVar

from veracity.core.errors import ModelError
from veracity.core.identity import content_hash
from veracity.core.judged import Group, JudgedClaim, JudgedResponse
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program, Score
from veracity.experiments.desk import Desk, Policy
from veracity.experiments.judged_samples import judge_all, judging_key
from veracity.experiments.klcf.checklists import check_settings
from veracity.experiments.klcf.settings import KlcfSettings
from veracity.judging.checklist import CHECKLIST_VERIFIERS, cover
from veracity.judging.claims import EXTRACTORS, Extracted, ExtractorSettings
from veracity.judging.grading import abstains
from veracity.judging.judged import ClaimJudge
from veracity.rewards import Needs
from veracity.training.records import Completion

T = TypeVar("T")
GENERAL = "general"
"""The role of the model that scores responses in general."""
Said = tuple[Problem, Completion]
THOUGHT = re.compile(r"\s*<think>.*?</think>\s*\S", re.DOTALL)


@dataclass
class TimedJudge:
    """Judges generated completions; `seconds` and `responses` tell what each part took.

    Equal texts for a problem are judged once, and equal claims; a part that fails is None in that response.
    """

    desk: Desk
    settings: KlcfSettings
    problems: Mapping[str, Problem]
    needs: frozenset[Needs]
    lists: Mapping[str, Sequence[str]]
    truth: ClaimJudge | None
    name: str
    """Under which its failures are kept."""
    seconds: dict[str, float] = field(default_factory=dict)
    responses: int = 0

    def key(self, *models: Policy | None) -> str:
        """Content hash of all that its word depends on; `models`: those that verify, and that rate in general."""
        how = [self.settings.checklist, self.settings.truth, sorted(self.needs), dict(self.lists)]
        who = [None if model is None else model.key for model in models]
        return content_hash([judging_key(self.desk, self.settings.judging), how, who, self.problems])

    def __call__(self, batch: Sequence[tuple[str, Sequence[Completion]]]) -> list[Group]:
        """Items with their completions → judged groups, in order."""
        said = [(self.problems[item], response) for item, responses in batch for response in responses]
        self.responses += len(said)
        judged = iter(self._judged(said) if said else [])
        return [Group(self.problems[item], tuple(next(judged) for _ in responses)) for item, responses in batch]

    def _judged(self, said: Sequence[Said]) -> list[JudgedResponse]:
        found = self._with_claims(said)
        if "checklist" in self.needs:
            with self._timed("checklist"):
                found = self._covered(said, found)
        if "general" in self.needs:
            with self._timed("general"):
                found = self._scored(said, found)
        with self._timed("format"):
            return [replace(r, well_formed=well_formed(r, self.settings.format)) for r in found]

    def _with_claims(self, said: Sequence[Said]) -> list[JudgedResponse]:
        """Claims, with verdicts where a reward reads them, with P_true where one reads that."""
        if "verdicts" in self.needs:
            with self._timed("verification"):
                found = judge_all(self.desk, self.name, self.settings.judging, said)
        elif "claims" in self.needs:
            with self._timed("extraction"):
                found = self._extracted(said)
        else:
            return [JudgedResponse(r.text, r.tokens, r.truncated) for _, r in said]
        if self.truth is None:
            return found
        with self._timed("truthfulness"):
            return self._believed(said, found, self.truth)

    def _extracted(self, said: Sequence[Said]) -> list[JudgedResponse]:
        extract, how = EXTRACTORS.get(self.settings.judging.extractor), ExtractorSettings(abstains=abstains)
        listed = self._run(
            [(p.id, r.text) for p, r in said], {(p.id, r.text): extract(p, r.text, how) for p, r in said}
        )
        return [_of_extracted(one, r) for one, (_, r) in zip(listed, said, strict=True)]

    def _believed(
        self, said: Sequence[Said], found: Sequence[JudgedResponse], believe: ClaimJudge
    ) -> list[JudgedResponse]:
        places = [(p, c.text) for (p, _), r in zip(said, found, strict=True) for c in r.claims or ()]
        asked = {(p.id, text): _or_unknown(believe(p, text), text) for p, text in places}
        sure = iter(self._run([(p.id, text) for p, text in places], asked))
        return [
            r if r.claims is None else replace(r, claims=tuple(_believed(c, next(sure)) for c in r.claims))
            for r in found
        ]

    def _covered(self, said: Sequence[Said], found: Sequence[JudgedResponse]) -> list[JudgedResponse]:
        verify, how = CHECKLIST_VERIFIERS.get(self.settings.checklist.verifier), check_settings(self.settings.checklist)
        asked = {
            (p.id, r.text): cover(r, self.lists.get(p.id, ()), verify, how)
            for (p, _), r in zip(said, found, strict=True)
        }
        covered = self._run([(p.id, r.text) for p, r in said], asked)
        return [
            replace(r, checklist=tuple(None for _ in self.lists.get(p.id, ())))
            if isinstance(one, Failure)
            else replace(r, checklist=one.checklist)
            for (p, _), r, one in zip(said, found, covered, strict=True)
        ]

    def _scored(self, said: Sequence[Said], found: Sequence[JudgedResponse]) -> list[JudgedResponse]:
        """With the mean log-probability a token that the model playing `general` gives the response."""
        scores = self._run(
            [(p.id, r.text) for p, r in said], {(p.id, r.text): plausibility(p, r.text) for p, r in said}
        )
        return [replace(r, general=None if isinstance(s, Failure) else s) for r, s in zip(found, scores, strict=True)]

    def _run(self, places: Sequence[tuple[str, str]], asked: Mapping[tuple[str, str], Program[T]]) -> list[T | Failure]:
        """The result for every place, each different one asked once."""
        named = {f"{n}/{place[0]}": program for n, (place, program) in enumerate(asked.items())}
        results = dict(zip(asked, self.desk.run(self.name, named).values(), strict=True))
        return [results[place] for place in places]

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - began


def plausibility(problem: Problem, text: str) -> Program[float | None]:
    """Mean log-probability a token of a response to its prompt, nats; None for an empty one."""
    if not text.strip():
        return None
    scored = yield Score(GENERAL, problem.messages(), text.strip())
    return fsum(scored.logprobs) / len(scored.logprobs)


def well_formed(response: JudgedResponse, wanted: str | None) -> bool | None:
    """Whether a response keeps the format; None where none is asked for."""
    if wanted is None:
        return None
    ends = not response.truncated and bool(response.text.strip())
    return ends and (wanted == "text" or THOUGHT.match(response.text) is not None)


def _or_unknown(judge: Program[JudgedClaim], text: str) -> Program[JudgedClaim]:
    try:
        return (yield from judge)
    except ModelError:  # this claim stays without a probability; the others have theirs
        return JudgedClaim(text)


def _of_extracted(found: Extracted | Failure, said: Completion) -> JudgedResponse:
    if isinstance(found, Failure) or found.status == "extraction_failed":
        return JudgedResponse(said.text, said.tokens, said.truncated)
    claims = tuple(JudgedClaim(text) for text in found.texts)
    return JudgedResponse(said.text, said.tokens, said.truncated, abstained=found.status == "abstained", claims=claims)


def _believed(claim: JudgedClaim, sure: JudgedClaim | Failure) -> JudgedClaim:
    return replace(claim, confidence=None if isinstance(sure, Failure) else sure.confidence)
