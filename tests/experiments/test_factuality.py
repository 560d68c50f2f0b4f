"""`factuality` on the embedded model: its checks pass, it repeats without asking, and it names judges that fail."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from veracity.core.errors import BudgetExceededError, ConfigError
from veracity.core.records import Failure
from veracity.engine.plan import Plan
from veracity.experiments.factuality.bench import losses
from veracity.experiments.running import run_recipe
from veracity.judging.grading import Grade
from veracity.judging.verifying import Judged
from veracity.metrics.answer_rows import ANSWERS
from veracity.metrics.claim_rows import CLAIMS, RESPONSES
from veracity.metrics.judge_card import JUDGEMENTS, UnreliableJudgeError
from veracity.metrics.measurement import Measurement
from veracity.report.factuality_contents import read_factuality
from veracity.report.factuality_terminal import print_factuality_summary
from veracity.store.run import RunFolder

SMALL = [
    "short.problems=60",
    "short.samples=4",
    "short.confidence=[sequence_mean,sample_answer]",
    "long.problems=150",
    "card_items=45",
]
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("factuality")


@pytest.fixture(autouse=True)
def _own_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERACITY_CACHE", str(place / "cache"))


@pytest.fixture(scope="module")
def finished(place: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(place / "cache"))
        return run_recipe("factuality-tiny", SMALL, runs_folder=place / "runs", console=QUIET)


def test_the_measurement_is_right_where_the_truth_is_known(finished: Path) -> None:
    contents = read_factuality(finished)
    assert [check.passed for check in contents.checks] == [True, True, True], [c.sentence for c in contents.checks]
    cards = {card.judge: card for card in contents.cards}
    assert set(cards) == {
        "grader", "abstention detector", "verifier", "extractor", "verifier, on this run's claims",
    }  # fmt: skip
    assert cards["verifier"].agreement.value >= 0.97 and cards["extractor"].agreement.value >= 0.97
    assert cards["grader"].agreement.value >= 0.97
    careful, none = (contents.estimates[f"answers, {arm}: not_attempted"].value for arm in ("careful", "none"))
    assert careful > 0.3 and none < 0.05, "the careful prompt declines, no prompt does not"
    assert contents.estimates["corpus: recall@5"].value >= 0.97
    corrected = contents.corrected_precision("none")
    measured = contents.estimates["claims, none: precision of all claims"]
    assert corrected is not None and abs(corrected.value - measured.value) < 0.02, "a verifier that does not err"
    assert corrected.ci_low <= measured.value <= corrected.ci_high


def test_every_table_keeps_its_schema_and_the_manifest_says_what_was_measured_with(finished: Path) -> None:
    folder = RunFolder(finished)
    for name, schema in (("answers", ANSWERS), ("samples", ANSWERS), ("responses", RESPONSES), ("claims", CLAIMS)):
        assert schema.check(folder.read_table(name)).height
    assert JUDGEMENTS.check(folder.read_table("judgements")).height
    assert folder.read_table("samples").height == 60 * 3 * 4
    assert folder.read_table("failures").height == 0
    manifest = folder.manifest() or {}
    measured = {form: Measurement.from_dict(stored) for form, stored in manifest["measurement"].items()}
    assert measured["answers"].metric == "short_form.v1" and measured["answers"].data
    assert (measured["claims"].extractor, measured["claims"].verifier) == ("rule", "rule")
    assert measured["claims"].corpus and measured["claims"].parameters["k"] == 3


def test_a_finished_run_is_not_repeated_and_another_judgement_asks_the_model_nothing(finished: Path) -> None:
    before = (finished / "manifest.json").read_bytes()
    plans: list[Plan] = []
    again = run_recipe("factuality-tiny", SMALL, runs_folder=finished.parent, console=QUIET, approve=plans.append)
    assert again == finished and (finished / "manifest.json").read_bytes() == before
    assert plans == [], "nobody is asked about a run that is finished"
    changed = [*SMALL, "long.verifier=world", "long.k=[5]"]
    other = run_recipe("factuality-tiny", changed, runs_folder=finished.parent, console=QUIET, approve=plans.append)
    policy = next(line for line in plans[0].lines if line.role == "policy")
    assert policy.calls[1] <= 60, "at most the confidences, whose requests are not known word for word"
    manifest = RunFolder(other).manifest() or {}
    assert manifest["requests"]["recalled"] > 900
    same = [RunFolder(run).read_table("claims")["label"].to_list() for run in (finished, other)]
    assert same[0] == same[1], "retrieval with rules says what the look-up says"


def test_the_page_is_self_contained_and_complete(finished: Path) -> None:
    page = (finished / "report.html").read_text("utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page), "nothing is loaded from elsewhere"
    for title in ("Short answers", "Confidence", "Long answers", "Judge quality card", "Is the measurement right?"):
        assert f">{title}</h2>" in page
    for measure in ("precision, mean over answers", "FActScore, γ 10", "F1@3", "claims without a verdict"):
        assert f">{measure}</th>" in page
    assert "decided by not declining" in page, "an answer to a question that nobody can answer"
    assert page.count("<figure") == 4 and page.count("✓ pass") == 3
    assert {p.name for p in (finished / "figures").glob("*.png")} == {
        "outcomes.png", "risk_coverage.png", "reliability.png", "exposure.png",
    }  # fmt: skip


def test_the_summary_in_a_terminal_has_the_headline_and_the_checks(finished: Path) -> None:
    from veracity.report.of_run import print_summary

    console = Console(record=True, width=200, quiet=False, file=(finished / "shown.txt").open("w"))
    print_summary(finished, console)
    text = console.export_text()
    assert "Of 60 questions, without a system prompt the model answers" in text
    assert text.count("✓ pass") == 3 and "Judge quality card" in text


class _Babbler:
    """A judge model that never says what it is asked for."""

    name, identity, abilities, batch_size, parallel = "babbler", "babbler", frozenset({"chat"}), 64, 1

    async def answer(self, calls: Any) -> Any:
        from veracity.core.requests import Generated, Sample

        for call in calls:
            yield call.id, Generated((Sample("Well, that depends.", "stop", 4),))


def test_a_judge_that_fails_too_often_is_named_after_everything_is_stored(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from veracity.models import resolve

    opened = resolve.open_model
    monkeypatch.setattr(resolve, "open_model", lambda text: _Babbler() if text == "babbler" else opened(text))
    settings = ["judge=babbler", "short=null", "long.problems=8", "long.verifier=judge_text", "card_items=6"]
    with pytest.raises(UnreliableJudgeError, match=r"verifier on 100\.0 % of \d+ rows"):
        run_recipe("factuality-tiny", settings, runs_folder=place / "runs", console=QUIET, name="babble")
    folder = RunFolder(place / "runs" / "babble")
    console = Console(record=True, width=200, file=(place / "babble.txt").open("w"))
    print_factuality_summary(folder.path, console)
    assert "failures: no verdict: 'Well, that depends.'" in console.export_text()
    assert folder.complete and set(folder.read_table("claims")["status"]) == {"judge_failed"}
    page = (folder.path / "report.html").read_text("utf-8")
    assert "Not to be relied on" in page and "no verdict: &#39;Well, that depends.&#39;" in page
    assert set(folder.read_table("failures")["kind"]) == {"judge_failed"}
    estimates = json.loads((folder.path / "estimates.json").read_text("utf-8"))
    assert estimates["claims, none: precision of all claims"]["n"] == 0, "no label is made up for a failure"


def test_a_judge_that_grades_is_measured_without_the_rules_that_hide_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rules before it a judge that never gives a verdict looks right on every item that has a label."""
    from veracity.models import resolve

    opened = resolve.open_model
    monkeypatch.setattr(resolve, "open_model", lambda text: _Babbler() if text == "babbler" else opened(text))
    settings = ["judge=babbler", "long=null", "short.problems=8", "short.samples=2", "card_items=45"]
    folder = run_recipe("factuality-tiny", settings, runs_folder=place / "runs", console=QUIET, name="graded")
    cards = {card.judge: card for card in read_factuality(folder).cards}
    assert cards["grader"].agreement.value == 1.0 and cards["grader"].failures.value < 0.2
    assert cards["grader's judge"].failures.value == 1.0 and cards["grader's judge"].failures.n == 45
    assert cards["grader's judge"].positive == "correct"


def test_every_way_of_having_no_value_says_why() -> None:
    found = {
        "lost": Failure("lost", "ModelError", "the line broke"),
        "graded": Grade("correct", "alias", "graded", "is 'Lima'"),
        "mumbled": Grade(None, None, "judge_failed", "no verdict: 'hm'"),
        "undecided": Grade(None, None, "undecided", "the rules cannot tell, and there is no judge"),
        "judged": Judged("supported", "judged"),
        "rambled": Judged(None, "judge_failed", reply="Well"),
        "bare": Judged(None, "no_evidence"),
    }
    assert [(f.item, f.kind, f.reason) for f in losses(found)] == [
        ("lost", "ModelError", "the line broke"),
        ("mumbled", "judge_failed", "no verdict: 'hm'"),
        ("rambled", "judge_failed", "no verdict: 'Well'"),
    ], "an answer left open and a claim without evidence are states of their own"


def test_what_costs_or_may_cost_is_planned_and_asked_about_before_anything_is_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from veracity.cli.app import app
    from veracity.models import resolve

    opened = resolve.open_model
    monkeypatch.setattr(resolve, "open_model", lambda text: _Babbler() if text == "babbler" else opened(text))
    runs = place / "asked"
    words = ["run", "factuality-tiny", "judge=babbler", "short=null", "long.problems=5", "long.verifier=judge_text"]
    refused = CliRunner().invoke(app, [*words, "--runs", str(runs)])
    assert refused.exit_code == 1 and not runs.exists(), refused.output
    agreed = CliRunner().invoke(app, [*words, "card_items=0", "--runs", str(runs), "--yes"])
    assert agreed.exit_code == 1, "the judge fails"
    assert "verifier" in agreed.output and "report:" in agreed.output, "the plan before, the summary after"


def test_a_budget_stops_the_run_and_a_larger_one_continues_it(place: Path) -> None:
    settings = ["long=null", "short.problems=30", "short.samples=0", "short.confidence=[]", "seed=5", "card_items=0"]
    with pytest.raises(BudgetExceededError):
        run_recipe("factuality-tiny", [*settings, "budget.requests=40"], runs_folder=place / "runs", console=QUIET)
    done = run_recipe("factuality-tiny", settings, runs_folder=place / "runs", console=QUIET)
    manifest = RunFolder(done).manifest() or {}
    asked, recalled = manifest["requests"]["asked"], manifest["requests"]["recalled"]
    assert asked + recalled == 90 and recalled >= 40, "what was paid for is not asked again"


def test_a_setting_that_no_stage_depends_on_is_estimated_anew_in_the_same_folder(place: Path) -> None:
    settings = ["short=null", "long.problems=10", "card_items=0"]
    for k in (3, 7):
        run = run_recipe("factuality-tiny", [*settings, f"long.k=[{k}]"], runs_folder=place, console=QUIET, name="k")
        found = [name for name in RunFolder(run).estimates() if "f1@" in name]
        assert found == [f"claims, none: f1@{k} (excluded)", f"claims, none: f1@{k} (as zero)"]
        assert f"f1@{k}" in (run / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("short.domains=[world-qa,world-abstention]", "is in two of"),
        ("short.arms=[carefull]", "did you mean 'careful'"),
        ("short.confidence=[sequence_men]", "did you mean 'sequence_mean'"),
        ("long.verifier=rules", "did you mean 'rule'"),
        ("long.samples=2", "temperature=0 gives the same answer"),
        ("short.confidence_arms=[sly]", "none of the arms"),
        ("short.samples=1", "too few for the confidence sample_answer, semantic_entropy"),
        ("long.verifier=judge_text", "the verifier, which no model plays: set judge=MODEL or verifier=MODEL"),
        ("long.extractor=atomic", "the extractor, which no model plays: set judge=MODEL or extractor=MODEL"),
        ("short.problems=9999", "of its 5360 problems, so 9999 cannot be drawn; ask for fewer"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_written(place: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        run_recipe("factuality-tiny", [setting], runs_folder=place / "none", console=QUIET)
    assert not list((place / "none").glob("*")), "no run folder is left behind"


def test_confidence_stands_beside_the_grade(finished: Path) -> None:
    folder = RunFolder(finished)
    answers, confidence = folder.read_table("answers"), folder.read_table("confidence")
    none = answers.filter(pl.col("arm") == "none")
    assert (
        none["confidence"].null_count() == 0 and answers.filter(pl.col("arm") == "bold")["confidence"].is_null().all()
    )
    first = confidence.filter(pl.col("method") == "sequence_mean")
    assert (
        none.join(first, on=["item", "arm", "sample"])
        .select((pl.col("confidence") - pl.col("probability")).abs().max())
        .item()
        == 0
    )


def test_judges_are_measured_on_the_world_wherever_the_evidence_of_the_run_is(place: Path) -> None:
    """Two documents of one's own say nothing of the world's people; the verifier would have no evidence."""
    corpus = place / "two documents"
    corpus.mkdir()
    (corpus / "Paris.txt").write_text("Paris is the capital of France. It lies on the Seine.\n", encoding="utf-8")
    (corpus / "Lima.txt").write_text("Lima is the capital of Peru. It lies on the Pacific.\n", encoding="utf-8")
    (place / "cities.txt").write_text("Paris\nLima\n", encoding="utf-8")
    asked = f"long.domains=[factscore-biographies?path={place}/cities.txt]"
    done = run_recipe(
        "factuality-tiny",
        ["short=null", asked, f"corpus={corpus}", "long.problems=null", "card_items=30"],
        runs_folder=place / "runs",
        console=QUIET,
    )
    contents = read_factuality(done)
    cards = {card.judge: card for card in contents.cards}
    assert cards["verifier"].agreement.value == 1.0 and cards["verifier"].failures.value == 0.0
    assert contents.claims is not None
    cited = {passage for row in contents.claims["evidence"].to_list() for passage in row}
    assert cited == {"Lima#0", "Paris#0"}, "the run's own claims have the run's own evidence"
