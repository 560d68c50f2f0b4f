"""What a factuality run found: its estimates, what they were measured with, its manifest and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veracity.core.estimate import Estimate
from veracity.experiments.desk import expenses
from veracity.experiments.factuality.bench import Bench, data_identity
from veracity.experiments.factuality.plan import MODELLESS
from veracity.experiments.factuality.settings import LongSettings
from veracity.experiments.factuality.stages import Stages
from veracity.judging.prompting import prompt_id

if TYPE_CHECKING:
    import polars as pl

    from veracity.metrics.measurement import Measurement


def conclude(stages: Stages, wall_s: float) -> None:
    """Write failures, estimates, manifest and report.

    Raises:
        UnreliableJudgeError: after all that, where a judge failed on more than 2 % of rows.
    """
    from veracity.core.identity import content_hash
    from veracity.metrics.factuality_scores import failure_shares
    from veracity.metrics.judge_card import require_reliable
    from veracity.report.factuality import write_factuality_report

    run, bench, settings = stages.run, stages.bench, stages.bench.settings
    run.table("failures", content_hash([stages.keys, settings]), stages.failures)
    repeated = run.complete  # every stage was there, for the same settings; computing one takes the manifest away
    if not repeated:
        run.write_estimates(estimates_of(stages))
    run.write_manifest(
        recipe={"experiment": "factuality", **settings.model_dump(mode="json")},
        seeds={"run": settings.seed},
        models=bench.identities,
        hashes={f"prompt {name}": digest for name, digest in stages.prompts("").items()},
        wall_s=wall_s,
        measurement={form: m.as_dict() for form, m in measurements(stages).items()},
        names=bench.names,
        spent_by_role={role: tally.cost for role, tally in stages.worker.engine.spent_by_role.items()},
        **expenses(stages.worker.engine, stages.worker.seconds),
    )
    if not repeated or not (run.path / "report.html").exists():
        write_factuality_report(run.path)
    require_reliable(failure_shares(stages.tables), run=str(run.path))


def estimates_of(stages: Stages) -> dict[str, Estimate]:
    """Every number of the run by name."""
    from veracity.metrics.factuality_scores import (
        answer_estimates,
        claim_estimates,
        confidence_estimates,
        failure_shares,
        pair_estimates,
    )

    tables, settings = stages.tables, stages.bench.settings
    found: dict[str, Estimate] = {}
    if "answers" in tables:
        found |= answer_estimates(tables["answers"], tables.get("samples"), seed=settings.seed)
        found |= confidence_estimates(tables["answers"], tables["confidence"], seed=settings.seed)
    if settings.long is not None:
        long, seed = settings.long, settings.seed
        found |= claim_estimates(tables["responses"], tables["claims"], k=long.k, gamma=long.gamma, seed=seed)
    if "searches" in tables and settings.long is not None:
        found |= _recall(tables["searches"], settings.long.passages)
    if "pairs" in tables:
        found |= pair_estimates(tables["pairs"], seed=settings.seed)
    shares = failure_shares(tables)
    return found | {f"failures of the {judge}": share for judge, share in shares.items()}


def _recall(searches: pl.DataFrame, passages: int) -> dict[str, Estimate]:
    """How often the page of a statement is among those of the best passages, at 1 and at as many as are shown."""
    from veracity.knowledge.recall import recall_at_k

    found, wanted = searches["found"].to_list(), [[page] for page in searches["wanted"]]
    clusters = searches["cluster"].to_list()
    return {f"corpus: recall@{k}": recall_at_k(found, wanted, k, clusters=clusters) for k in sorted({1, passages})}


def measurements(stages: Stages) -> dict[str, Measurement]:
    """Form → what two runs must share for their difference to mean something. Arms are what they differ in."""
    from veracity.metrics.measurement import Measurement

    bench, settings = stages.bench, stages.bench.settings
    found = {}
    if settings.short is not None:
        prompts = stages.prompts(prompt_id("generation", settings.short.family))
        judged = stages.prompts("grade.") if "judge" in bench.backends else {}
        found["answers"] = Measurement(
            metric="short_form.v1",
            data=data_identity(bench.short_problems),
            judge=bench.identity("judge"),
            prompts={**prompts, **judged},
        )
    if settings.long is not None:
        found["claims"] = _of_claims(stages, bench, settings.long)
    return found


def _of_claims(stages: Stages, bench: Bench, settings: LongSettings) -> Measurement:
    from veracity.metrics.measurement import Measurement

    extracts, verifies = settings.extractor not in MODELLESS, settings.verifier not in MODELLESS
    prompts = dict(stages.prompts("claims.")) if extracts else {}
    prompts |= dict(stages.prompts("verify.")) if verifies else {}
    verifier = "nli" if settings.verifier.startswith("nli") else "verifier"
    return Measurement(
        metric="long_form.v1",
        data=data_identity(bench.long_problems),
        extractor=_program(settings.extractor, bench.identity("extractor") if extracts else ""),
        verifier=_program(settings.verifier, bench.identity(verifier) if verifies else ""),
        corpus=bench.identity("corpus"),
        parameters={
            "k": settings.k[0],
            "gamma": settings.gamma,
            "threshold": settings.threshold,
            "passages": settings.passages,
            "scope": settings.scope,
        },
        prompts=prompts,
    )


def _program(name: str, model: str) -> str:
    return f"{name}:{model}" if model else name
