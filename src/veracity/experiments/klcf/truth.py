"""The truthfulness model of `klcf`: from the base model's own claims, two true for each false one, and calibrated.

    judged → truth.data → truth.features        log-probabilities of claims (kind `regression`)
                        → truth.<kind>          P_true of claims about held-out prompts

It is measured before it rewards anybody; a model that does not rank true claims above false ones is told, not used
silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veracity.core.errors import ModelError
from veracity.core.judged import Group
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.experiments.desk import Desk, Policy, prompts_used
from veracity.experiments.klcf.settings import KlcfSettings, TruthKind
from veracity.judging.judged import ClaimJudge
from veracity.judging.truthfulness.examples import LabelledClaim, in_ratio, labelled_claims, split_claims
from veracity.judging.truthfulness.log_probabilities import (
    FEATURES,
    Features,
    claim_by_log_probability,
    claim_features,
    fit_regression,
)
from veracity.judging.truthfulness.p_true import TruthSettings, claim_by_p_true, p_true_of_claim, truth_dialogue

if TYPE_CHECKING:
    import polars as pl

    from veracity.metrics.judged_confidence import JudgedConfidence

BASE, TRUTH = "base", "truthfulness"
"""Roles: the base model, and the model trained to say true or false."""


@dataclass(frozen=True, slots=True)
class TruthModel:
    """A truthfulness model that was measured, ready to be a reward."""

    kind: TruthKind
    judge: ClaimJudge
    policy: Policy | None
    """The model trained for it, if there is one."""


def truth_data(settings: KlcfSettings, groups: Sequence[Group], seed: int) -> pl.DataFrame:
    """Labelled claims: item, text, true, held_out, used (in the ratio that is trained on; of the others alone)."""
    import polars as pl

    claims = labelled_claims(groups)
    train, apart = split_claims(claims, seed=seed, held_out=settings.truth.held_out)
    used = {(c.problem.id, c.text) for c in in_ratio(train, seed=seed, ratio=settings.truth.ratio)}
    rows = [(c.problem.id, c.text, c.true, held, (c.problem.id, c.text) in used) for held, some in
            ((False, train), (True, apart)) for c in some]  # fmt: skip
    columns = {"item": pl.String, "text": pl.String, "true": pl.Boolean, "held_out": pl.Boolean, "used": pl.Boolean}
    return pl.DataFrame(rows, schema=columns, orient="row")


def truth_model(
    desk: Desk, settings: KlcfSettings, kind: TruthKind, base: Policy, people: Sequence[Problem], seed: int
) -> TruthModel:
    """Train (or fit, or just ask) a truthfulness model, measure it on held-out prompts, and calibrate it.

    Stage `truth.<kind>.<seed>`: held-out claims with P_true as it came (`raw`) and at the fitted temperature. The
    temperature is fitted on one half of the held-out prompts; quality is always measured on the other one.
    """
    data, by_id = desk.tables[f"truth.data.{seed}"], {p.id: p for p in people}
    used = [_claim(row, by_id) for row in data.filter("used").to_dicts()]
    apart = [_claim(row, by_id) for row in data.filter("held_out").to_dicts()]
    policy = _taught(desk, settings, used, base, seed) if kind == "trained" else None
    asked = TruthSettings(role=BASE if kind == "zero_shot" else TRUTH, prompt=settings.truth.prompt)
    key = [desk.keys[f"truth.data.{seed}"], base.key, policy.key if policy else kind, settings.truth.penalty, asked]
    inputs = [key, prompts_used(("verification.", "truthfulness."))]
    if kind == "regression":
        table = desk.store(f"truth.features.{seed}", inputs, lambda: _features(desk, seed, base, [*used, *apart]))
        fitted = fit_regression(*_columns(table, used), penalty=settings.truth.penalty)
        raw = [fitted.probability(f) for f in _columns(table, apart)[0]]
        t = _stored(desk, f"truth.{kind}.{seed}", inputs, apart, lambda: raw, seed)
        return TruthModel(kind, claim_by_log_probability(replace(fitted, temperature=t), role=BASE), None)

    def probabilities() -> list[float | None]:
        desk.play_as(asked.role, policy or base)
        programs = {str(n): p_true_of_claim(c.problem, c.text, asked) for n, c in enumerate(apart)}
        found = desk.run(f"truth.{kind}.{seed}", programs).values()
        return [None if isinstance(one, Failure) else one for one in found]

    t = _stored(desk, f"truth.{kind}.{seed}", inputs, apart, probabilities, seed)
    return TruthModel(kind, claim_by_p_true(replace(asked, temperature=t)), policy)


def play_truth(desk: Desk, model: TruthModel, base: Policy) -> None:
    """Let whoever the truthfulness model asks play its role."""
    desk.play_as(BASE, base)
    if model.policy is not None:
        desk.play_as(TRUTH, model.policy)


def _claim(row: Mapping[str, Any], by_id: Mapping[str, Problem]) -> LabelledClaim:
    return LabelledClaim(by_id[row["item"]], row["text"], row["true"])


def _taught(desk: Desk, settings: KlcfSettings, used: Sequence[LabelledClaim], base: Policy, seed: int) -> Policy:
    """The base model after training on claims with their labels."""
    from veracity.training.demonstrations import train_demonstrations
    from veracity.training.records import Demonstration

    asked = TruthSettings(prompt=settings.truth.prompt)
    shown = [Demonstration(c.problem.id, *truth_dialogue(c, asked)) for c in used]
    run = desk.run_folder.path.name

    def teach(folder: Path, out: Path) -> None:
        how = settings.truth.training
        train_demonstrations(Path(base.model), shown, how, seed=seed, folder=folder, out=out, run=run)

    return desk.trained(f"truth-{seed}", teach)


def _features(desk: Desk, seed: int, base: Policy, claims: Sequence[LabelledClaim]) -> pl.DataFrame:
    """One row a claim: item, text, true and its features. ModelError where the base model could not be asked."""
    import polars as pl

    desk.play_as(BASE, base)
    programs = {str(n): claim_features(c.problem, c.text, role=BASE) for n, c in enumerate(claims)}
    rows = []
    for claim, found in zip(claims, desk.run(f"truth.features.{seed}", programs).values(), strict=True):
        if isinstance(found, Failure):
            raise ModelError(f"the base model gave no log-probabilities of a claim: {found.reason}")
        rows.append((claim.problem.id, claim.text, claim.true, *found))
    columns: dict[str, Any] = {"item": pl.String, "text": pl.String, "true": pl.Boolean}
    return pl.DataFrame(rows, schema=columns | dict.fromkeys(FEATURES, pl.Float64), orient="row")


def _columns(table: pl.DataFrame, claims: Sequence[LabelledClaim]) -> tuple[list[Features], list[bool]]:
    found = {(row["item"], row["text"]): tuple(row[name] for name in FEATURES) for row in table.to_dicts()}
    return [found[(c.problem.id, c.text)] for c in claims], [c.true for c in claims]


def _stored(
    desk: Desk,
    name: str,
    inputs: Any,
    claims: Sequence[LabelledClaim],
    probabilities: Callable[[], Sequence[float | None]],
    seed: int,
) -> float:
    """Store P_true of the held-out claims; the temperature that was fitted on half of them, 1 where none could be."""
    import polars as pl

    def rows() -> pl.DataFrame:
        found = probabilities()
        listed = [(c.problem.id, c.cluster, c.text, c.true, p) for c, p in zip(claims, found, strict=True)]
        texts = dict.fromkeys(("item", "cluster", "text"), pl.String)
        return pl.DataFrame(listed, schema={**texts, "true": pl.Boolean, "raw": pl.Float64}, orient="row")

    from veracity.metrics.temperature import scale_on_held_out

    return scale_on_held_out(truth_rows(desk.store(name, inputs, rows)), seed=seed).temperature.value or 1.0


def truth_rows(table: pl.DataFrame) -> JudgedConfidence:
    """The held-out claims of which P_true could be had, by prompt."""
    from veracity.metrics.judged_confidence import JudgedConfidence

    known = table.drop_nulls("raw")
    return JudgedConfidence.of(known["raw"].to_numpy(), known["true"].to_numpy(), known["cluster"].to_list())
