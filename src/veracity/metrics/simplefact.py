"""What rewards for facts and for caution did: rates by source, five classes over training, and five checks.

Arms are `<system>/<prompt>`, `<system>@<step>/<prompt>` on the way; a training's seed stands behind a `#`. Systems are
`base` (as it came), `start` (what all trainings begin with) and one for each setting of the reward. Seeds are pooled as
further samples of a question; intervals are clustered by the question's entity.

Two kinds of condition, as everywhere: a landmark is met by the value, a claim about order by the whole interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.arm_effects import SEED, Change, changes, pooled_seeds, short_items
from veracity.metrics.checks import Check, Number
from veracity.metrics.decomposition import FiveWay, Flow, five_way, flow
from veracity.metrics.frontier import Beyond, beyond_frontier, hypervolume_gain
from veracity.metrics.short_form import graded, proportion
from veracity.metrics.wording import percent, points

Way = Literal["greedy", "drawn"]
WAYS: Mapping[Way, str] = {"greedy": "greedy", "drawn": "sampled"}
"""Ways of answering, with their names for readers."""
FALL, LOSS = 0.5, 0.05
"""By how much wrong answers about the unknown must fall; what right answers about the known may lose."""
Kind = Literal["known", "unknown", "between"]


@dataclass(frozen=True)
class Proof:
    """The answers of all arms, and what can be known of each question."""

    answers: Mapping[Way, pl.DataFrame]
    """Answers tables; `drawn` has several samples of a question."""
    problems: pl.DataFrame
    """Columns item, source, kind (`known`, `unknown`, `between`), exposure (null where it is not known)."""
    prompt: str
    """System prompt under which the models were trained."""

    def rows(self, way: Way, arm: str, kind: Kind | None = None) -> pl.DataFrame:
        """Answers of an arm, seeds pooled, about questions of one kind or all."""
        own = pooled_seeds(self.answers[way]).filter(pl.col("arm") == arm)
        return own if kind is None else own.filter(pl.col("item").is_in(self.items(kind)))

    def items(self, kind: Kind) -> list[str]:
        """Questions of a kind."""
        return self.problems.filter(pl.col("kind") == kind)["item"].to_list()

    def arms(self, way: Way) -> list[str]:
        """Without seeds, in the order of their first row."""
        return list(dict.fromkeys(arm.partition(SEED)[0] for arm in self.answers[way]["arm"].to_list()))

    def own(self, system: str) -> str:
        """The arm of a system under the prompt that it was trained under."""
        return f"{system}/{self.prompt}"

    @property
    def trained(self) -> list[str]:
        """The settings of the reward."""
        return [a.partition("/")[0] for a in self.arms("greedy") if _finished(a) and a.endswith(f"/{self.prompt}")]

    def change(self, way: Way, system: str, kind: Kind | None, since: str = "start") -> Mapping[str, Change]:
        """What changed from one system to another, measure by measure, on questions of one kind or all."""
        now, then = (short_items(self.rows(way, self.own(name), kind)) for name in (system, since))
        return changes(now, then)


def estimates_of(proof: Proof) -> dict[str, Estimate]:
    """Every rate by way, arm and kind (`unknown`) or source (`from unknown`), classes, changes, distances."""
    found: dict[str, Estimate] = {}
    for way in proof.answers:
        for arm in proof.arms(way):
            found |= {f"{WAYS[way]}, {arm}, {part}: {k}": v for part, k, v in _rates(proof, way, arm)}
        for system in proof.trained:
            found |= {f"{WAYS[way]}, {system} against start, {k}": v for k, v in _changes(proof, way, system)}
    for arm, ways in classes_of(proof).items():
        found |= {f"sampled, {arm}: {name}": share for name, share in ways.shares.items()}
    for system, beyond in beyond_prompting(proof, "greedy").items():
        found |= {f"greedy, {system}: distance to the frontier of prompts": beyond.distance}
        found |= {f"greedy, {system}: right answers above the best mixture of prompts": beyond.gain}
    found |= {f"greedy, {k}: hypervolume above that of prompts": v for k, v in hypervolume_gains(proof).items()}
    return found


def rates(rows: pl.DataFrame) -> dict[str, Estimate]:
    """Shares of right, wrong and declined answers, Wilson's interval at the effective sample size."""
    kept = graded(rows)
    clusters, grades = kept["cluster"].to_numpy(), kept["grade"].to_numpy()
    return {
        "correct": proportion(grades == "correct", clusters),
        "incorrect": proportion(grades == "incorrect", clusters, direction="lower"),
        "not_attempted": proportion(grades == "not_attempted", clusters, direction="neither"),
    }


def classes_of(proof: Proof) -> dict[str, FiveWay]:
    """The five classes of every arm's drawn answers under its own prompt, each seed's model for itself."""
    arms = [arm for arm in proof.arms("drawn") if arm.endswith(f"/{proof.prompt}")]
    return {arm: five_way(seeds_apart(proof.answers["drawn"], arm)) for arm in arms}


def seeds_apart(answers: pl.DataFrame, arm: str) -> pl.DataFrame:
    """Rows of an arm in which the same question to models of different seeds is a question each."""
    name, run = pl.col("arm").str.split(SEED).list.first(), pl.col("arm").str.split(SEED).list.last()
    own = answers.filter(name == arm)
    return own.with_columns(arm=name, item=pl.concat_str("item", pl.lit(SEED), run))


def movement(proof: Proof, system: str) -> Flow:
    """How questions moved between the classes from the start to a trained system."""
    drawn = proof.answers["drawn"]
    return flow(seeds_apart(drawn, proof.own("start")), seeds_apart(drawn, proof.own(system)))


def beyond_prompting(proof: Proof, way: Way) -> dict[str, Beyond]:
    """The start and each trained system against the prompts of the model as it came."""
    pooled = pooled_seeds(proof.answers[way])
    base = pooled.filter(pl.col("arm").str.starts_with("base/"))
    arms = [proof.own(system) for system in ("start", *proof.trained)]
    found = beyond_frontier(base, pooled.filter(pl.col("arm").is_in(arms)))
    return {arm.partition("/")[0]: found[arm] for arm in arms}


def hypervolume_gains(proof: Proof) -> dict[str, Estimate]:
    """System → hypervolume of its greedy answers under all prompts, above that of the model as it came."""
    pooled = pooled_seeds(proof.answers["greedy"])
    base = pooled.filter(pl.col("arm").str.starts_with("base/"))
    systems = ("start", *proof.trained)
    return {s: hypervolume_gain(base, pooled.filter(pl.col("arm").str.starts_with(f"{s}/"))) for s in systems}


def checks(proof: Proof) -> list[Check]:
    """The findings in order; those about a setting that was not trained are not measured."""
    return [
        wrong_falls(proof, "drawn"),
        wrong_falls(proof, "greedy"),
        facts_sharpen(proof),
        caution_overdoes(proof),
        beyond(proof),
    ]


def wrong_falls(proof: Proof, way: Way, system: str = "both") -> Check:
    """Wrong answers about the unknown fall by ≥ 50 % (interval above 0); right ones about the known lose ≤ 5 points."""
    name = f"Fewer wrong answers about the unknown, right ones kept ({WAYS[way]})"
    if system not in proof.trained:
        return _unmeasured(name, system)
    if not proof.items("known") or not proof.items("unknown"):
        return _unmarked(name)
    fall = proof.change(way, system, "unknown")["incorrect"].fall
    kept = proof.change(way, system, "known")["correct"].difference
    passed = fall.value >= FALL and fall.ci_low > 0 and kept.value >= -LOSS
    before, after = (rates(proof.rows(way, proof.own(s), "unknown"))["incorrect"] for s in ("start", system))
    sentence = (
        f"Trained by “{system}”, wrong answers about the unknown fall from {percent(before)} to {percent(after)}, by "
        f"{percent(fall)} of them (at least 50 %); right answers about the known change by {points(kept)} (at most −5)."
    )
    return Check(name, passed, {"fall": fall, "change of right answers": kept}, sentence)


def facts_sharpen(proof: Proof) -> Check:
    """Under `fact` AllCorrect grows (whole interval), more of it from PartialCorrect than goes back there."""
    name = "Fact-only makes what is sometimes right always right"
    if "fact" not in proof.trained:
        return _unmeasured(name, "fact")
    moved = movement(proof, "fact")
    gain, test = moved.changes["AllCorrect"], moved.tests["AllCorrect"]
    there, back = moved_between(moved, "PartialCorrect", "AllCorrect")
    partial = moved.changes["PartialCorrect"]
    numbers: dict[str, Number] = {"change of AllCorrect": gain, "p": test.p_value, "there": there, "back": back}
    sentence = (
        f"AllCorrect changes by {points(gain)} (n = {moved.samples}; exact p {_p(test.p_value)}): {there} questions "
        f"come from PartialCorrect, {back} go there; PartialCorrect changes by {points(partial)}."
    )
    return Check(name, gain.ci_low > 0 and there > back, numbers, sentence)


def caution_overdoes(proof: Proof) -> Check:
    """Under `caution` the known is declined more often than at the start, and than under `both` (whole intervals)."""
    name = "Caution-only over-abstains"
    if not {"caution", "both"} <= set(proof.trained):
        return _unmeasured(name, "caution beside one by both" if "both" in proof.trained else "caution")
    if not proof.items("known"):
        return _unmarked(name)
    since = proof.change("drawn", "caution", "known")["not_attempted"].difference
    over = proof.change("drawn", "caution", "known", since="both")["not_attempted"].difference
    share = rates(proof.rows("drawn", proof.own("caution"), "known"))["not_attempted"]
    sentence = (
        f"It declines {percent(share)} of what it was taught: {points(since)} against the start, {points(over)} "
        "against “both”."
    )
    numbers = {"against the start": since, "against both": over}
    return Check(name, since.ci_low > 0 and over.ci_low > 0, numbers, sentence)


def beyond(proof: Proof) -> Check:
    """`both` gives more right answers than any mixture of prompts with as many wrong ones (whole interval)."""
    name = "Training reaches what prompting does not"
    if "both" not in proof.trained:
        return _unmeasured(name, "both")
    found = {system: one.gain for system, one in beyond_prompting(proof, "greedy").items()}
    told = "; ".join(f"{system} {points(gain)}" for system, gain in found.items())
    sentence = f"Right answers above the best mixture of prompts with as many wrong ones, greedy: {told}."
    return Check(name, found["both"].ci_low > 0, dict(found), sentence)


def moved_between(moved: Flow, one: str, other: str) -> tuple[int, int]:
    """Questions that went from a class to another, and back."""
    counted = {(b, a): n for b, a, n in moved.table.iter_rows()}
    return counted[one, other], counted[other, one]


def _rates(proof: Proof, way: Way, arm: str) -> Iterator[tuple[str, str, Estimate]]:
    rows = proof.rows(way, arm)
    parts = {"all": proof.problems["item"].to_list()}
    for column, word in (("kind", ""), ("source", "from ")):
        for name in proof.problems[column].unique(maintain_order=True).to_list():
            parts[f"{word}{name}"] = proof.problems.filter(pl.col(column) == name)["item"].to_list()
    for part, items in parts.items():
        for grade, share in rates(rows.filter(pl.col("item").is_in(items))).items():
            yield part, grade, share


def _changes(proof: Proof, way: Way, system: str) -> Iterator[tuple[str, Estimate]]:
    for kind in ("known", "unknown", "between"):
        if proof.items(kind):
            found = proof.change(way, system, kind)
            yield from ((f"{kind}: change of {m}", found[m].difference) for m in ("correct", "incorrect"))
            yield f"{kind}: fall of incorrect", found["incorrect"].fall


def _finished(arm: str) -> bool:
    system = arm.partition("/")[0]
    return "@" not in system and system not in ("base", "start")


def _unmeasured(name: str, what: str) -> Check:
    return Check(name, None, {}, f"The run has no training by {what}.")


def _unmarked(name: str) -> Check:
    return Check(
        name, None, {}, "Of no question is it said that the model was taught it, or that nobody could know it."
    )


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")
