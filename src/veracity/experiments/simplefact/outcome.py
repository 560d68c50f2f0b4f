"""What a `simplefact` run found: its estimates, its manifest and its report."""

from __future__ import annotations

from collections.abc import Sequence

from veracity.core.identity import content_hash
from veracity.experiments.desk import Desk, expenses, prompts_used
from veracity.experiments.simplefact.settings import SimpleFactSettings
from veracity.experiments.simplefact.training import Snapshot


def conclude(desk: Desk, settings: SimpleFactSettings, models: Sequence[Snapshot], wall_s: float) -> None:
    """Write failures, estimates, manifest and report."""
    from veracity.metrics.simplefact import WAYS, Proof, estimates_of
    from veracity.report.simplefact import write_simplefact_report

    run, tables = desk.run_folder, desk.tables
    if not desk.launch.is_main:  # the first process writes
        return
    run.table("failures", content_hash(desk.keys), desk.all_failures)
    repeated = run.complete  # every stage was there; computing one takes the manifest away
    if not repeated:
        answers = {way: tables[f"{way}.answers"] for way in WAYS}
        run.write_estimates(estimates_of(Proof(answers, tables["problems"], settings.questions.system)))
    run.write_manifest(
        recipe={"experiment": "simplefact", **settings.model_dump(mode="json")},
        seeds={f"repetition {n}": seed for n, seed in enumerate(settings.seeds)},
        models={_name(model): model.policy.key for model in models},
        hashes={f"prompt {name}": digest for name, digest in prompts_used(("generation.", "grade.")).items()},
        wall_s=wall_s,
        **expenses(desk.engine, desk.seconds),
    )
    if not repeated or not (run.path / "report.html").exists():
        write_simplefact_report(run.path)


def _name(model: Snapshot) -> str:
    seed = "" if model.seed is None else f", seed {model.seed}"
    return f"{model.system}, step {model.step}{seed}"
