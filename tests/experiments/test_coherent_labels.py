"""Labels by coherence: statements and their rule, scores up to the flip by hand, a whole run with its own model."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from rich.console import Console

from veracity.core.config import load_settings
from veracity.core.errors import CapabilityError, ConfigError
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.domains import open_domain
from veracity.experiments.coherent_labels.asking import Labelled, drawn, likeliest
from veracity.experiments.coherent_labels.experiment import prepare_coherent_labels
from veracity.experiments.coherent_labels.micro import tokenizer_of
from veracity.experiments.coherent_labels.rows import LABELS, label_rows
from veracity.experiments.coherent_labels.scores import agreement, aligned, chance, dealt, up_to_flip
from veracity.experiments.coherent_labels.settings import CoherentLabelsSettings, longer_share
from veracity.experiments.coherent_labels.statements import exclusive, statements_of
from veracity.experiments.running import run_recipe
from veracity.judging.mutual_predictability.icm import WORDS
from veracity.judging.prompting import render
from veracity.report.of_run import print_summary, write_report

AGENT = "sim/expert?share=1&accuracy=0.99"
RECIPE: dict[str, Any] = {
    "experiment": "coherent-labels",
    "models": ["micro", AGENT],
    "problems": 8,
    "shown": 12,
    "search": {"seeds": [0, 1, 2], "steps": 60, "fixes": 1},
    "micro": {"batch_size": 16, "shown": 12, "turn": 400},
}


def choice(name: str, *options: str, correct: int | None = 0) -> Problem:
    return Problem(name, "d", f"{name}?", options=options, correct=correct, cluster=name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.mktemp("coherent")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERACITY_CACHE", str(base / "cache"))
        yield base


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    return run_recipe(RECIPE, (), runs_folder=folder, name="labels", console=Console(quiet=True))


def test_options_and_accepted_answers_become_statements_of_which_one_a_problem_is_true() -> None:
    problems = [choice("a", "x", "yyy", "zz", correct=1), choice("b", "u", "v", correct=None)]
    found = {(s.item, s.answer): s for s in statements_of(problems, None, 0)}
    assert {key: s.truth for key, s in found.items()} == {
        ("a", "x"): False, ("a", "yyy"): True, ("a", "zz"): False, ("b", "u"): None, ("b", "v"): None,
    }  # fmt: skip
    assert [key for key, s in found.items() if s.longer and key[0] == "a"] == [("a", "yyy")]
    two = statements_of(problems, 2, 0)
    assert sum(s.item == "a" for s in two) == 2 and sum(bool(s.truth) for s in two) == 1
    asked = statements_of(open_domain("world-qa").problems(6, "all"), 3, 0)
    assert len(asked) == 18 and sum(bool(s.truth) for s in asked) == 6
    with pytest.raises(ConfigError, match="1 of 2 problems"):
        statements_of([problems[0], Problem("c", "d", "c?")], 2, 0)


def test_two_statements_of_one_problem_cannot_both_be_true() -> None:
    statements = statements_of([choice("a", "x", "y"), choice("b", "x", "y")], None, 0)
    rule, first = exclusive(statements), statements[0].item
    same = next(i for i, s in enumerate(statements) if i and s.item == first)
    other = next(i for i, s in enumerate(statements) if s.item != first)
    assert rule(0, True, same, True) and not rule(0, True, same, False) and not rule(0, True, other, True)
    assert sum(likeliest(statements, {i: float(i) for i in range(4)}).values()) == 2


def test_examples_are_of_other_problems() -> None:
    statements = statements_of([choice(name, "x", "y") for name in "abcd"], None, 0)
    pick = drawn(statements, dict.fromkeys(range(8), True), 4, 0)
    for i, one in enumerate(statements):
        assert len(pick(i)) == 4 and all(statements[j].item != one.item for j in pick(i))


def test_accuracy_up_to_the_flip_by_hand() -> None:
    """Seed 1 has 1 of 4 right and is turned: 3 of 4; seed 2 has 4 of 4: mean 7/8. Raw: 5/8.

    Chance, of two clusters of two: seed 1 has excess −2 and 0, so |±2| / 8 = ¼ above ½ always; seed 2 has 2 and 2, so
    ½ in half of the tosses and 0 in the others: ¼. Both: ¾.
    """
    same = np.array([[0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    assert aligned(same).mean(axis=1).tolist() == [0.75, 1.0]
    half = np.full_like(same, 0.5)
    estimate = up_to_flip(same, half, ["a", "a", "b", "b"], 0)
    assert estimate.value == 0.875 and estimate.clusters == 2
    assert chance(same, half, ["a", "a", "b", "b"], 0) == pytest.approx(0.75, abs=0.01)
    assert up_to_flip(1 - same, half, ["a", "a", "b", "b"], 0) == estimate  # words exchanged: the same


def test_chance_with_many_problems() -> None:
    """n problems, right or wrong as a whole: ½ + E|mean of n signs| / 2 ≈ ½ + √(2 / (π n)) / 2 = .5399 for n = 100."""
    same = np.repeat(np.ones(100), 2)[None, :]
    told = chance(same, np.full_like(same, 0.5), [i // 2 for i in range(200)], 0)
    assert told == pytest.approx(0.5 + math.sqrt(2 / (math.pi * 100)) / 2, abs=0.003)


def test_labels_that_know_nothing_of_four_options_are_at_chance() -> None:
    """All False: 3 of 4 right whatever is known. One of four at random: 5/8, as ¼ · 1 + ¾ · ½; tosses add a little."""
    count, rng = 400, np.random.default_rng(0)
    one = np.zeros((count, 4), dtype=bool)
    one[np.arange(count), rng.integers(0, 4, count)] = True
    for labels, by_chance in ((np.zeros_like(one), 0.75), (one, 0.625)):
        rows = pl.DataFrame(
            {
                "seed": [0] * 4 * count,
                "statement": range(4 * count),
                "item": [str(i // 4) for i in range(4 * count)],
                "truth": [i % 4 == 0 for i in range(4 * count)],
                "label": labels.ravel(),
            }
        )
        found = up_to_flip(agreement(rows, "truth"), dealt(rows, "truth"), rows["item"].to_list(), 0)
        assert found.null == pytest.approx(by_chance, abs=0.01)
        assert found.ci_low < by_chance < found.ci_high or found.value == found.null


def test_what_is_dealt_out_anew_keeps_how_many_are_true() -> None:
    """Two of three labels that are known are true, and one of their truths: 2/3 · 1/3 + 1/3 · 2/3 = 4/9."""
    rows = pl.DataFrame(
        {
            "seed": [0] * 6,
            "statement": range(6),
            "item": list("aaaabb"),
            "label": [True, True, False, None, True, False],
            "truth": [True, False, False, True, False, True],
        }
    )
    told = dealt(rows, "truth")[0]
    assert told[:3] == pytest.approx([4 / 9] * 3) and np.isnan(told[3]) and told[4:].tolist() == [0.5, 0.5]


def test_what_has_no_label_is_counted_and_is_no_wrong_label() -> None:
    statements = statements_of([choice("a", "x", "y"), choice("b", "x", "y")], None, 0)
    found = {
        ("m", "zero_shot", None): Labelled({0: 1.0, 1: -2.0, 2: 0.0}),
        ("m", "coherent", 0): Failure("i", "E", "no"),
    }
    table = LABELS.frame(label_rows(statements, found))
    assert table["status"].to_list() == ["ok", "ok", "undecided", "unlabelled"] + ["request_failed"] * 4
    assert np.isnan(agreement(table.filter(pl.col("method") == "zero_shot"), "truth")).tolist() == [
        [False, False, True, True]
    ]


def test_the_micro_model_reads_a_prompt_as_its_contexts_were_written() -> None:
    tokenizer = tokenizer_of(["Who? Ann", "Where? There, at 2."])
    text = render("mutual.label.v1", shown=[("Where? There, at 2.", WORDS[False])], statement="Who? Ann")
    chat = tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False)
    ids = tokenizer(chat + WORDS[True])["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["Where? There, at 2.", "False", "Who? Ann", "True"]


def test_the_plan_bounds_what_is_asked(folder: Path, run: Path) -> None:
    """16 statements, 3 seeds. Least: 2·8·3 of searches, 32 of each baseline. Most: see `_counts`."""
    plan = prepare_coherent_labels(load_settings(CoherentLabelsSettings, RECIPE)).plan
    search = 3 * (2 * 8 * 4 + 60 * (2 + 32 * 4) + 32)
    assert {line.role: line.calls for line in plan.lines} == dict.fromkeys(
        RECIPE["models"], (3 * 16 + 4 * 32, search + 32 + 32 * 3 * (1 + 3 + 1))
    )
    asked = json.loads((run / "manifest.json").read_text())["requests"]["asked"]
    assert asked <= 2 * plan.lines[0].calls[1]
    assert "truth is for scores alone" in " ".join(plan.remarks)


def test_coherence_finds_the_truth_or_its_exact_opposite(run: Path) -> None:
    """A model to which neither word means true: alone it can tell little, and labels are right one way round."""
    told = json.loads((run / "estimates.json").read_text())
    assert told["micro, coherent: accuracy up to the flip"]["value"] >= 0.95
    assert told["micro, gold_examples: accuracy"]["value"] >= 0.95
    assert told["micro, coherent: agreement between seeds up to the flip"]["value"] >= 0.95
    labels = pl.read_parquet(run / "tables" / "labels.parquet").filter(pl.col("model") == "micro", method="coherent")
    right = labels.group_by("seed").agg((pl.col("label") == pl.col("truth")).mean().alias("right"))["right"]
    assert all(share < 0.1 or share > 0.9 for share in right)
    utilities = pl.read_parquet(run / "tables" / "utilities.parquet")
    assert utilities.group_by("model", "seed").len()["len"].to_list() == [61] * 6


def test_labels_are_written_for_training_with_their_accuracy_beside(run: Path) -> None:
    folder = run / "training" / "micro"
    rows = [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
    about = json.loads((folder / "accuracy.json").read_text())
    assert about["labels"] == len(rows) == 16
    assert sum(row["right"] for row in rows) / 16 == pytest.approx(about["accuracy"][0])
    assert {row["response"] for row in rows} == {"True", "False"} and rows[0]["messages"][0]["role"] == "user"
    assert all(0.5 <= row["score"] <= 1 and row["direction"] == "higher" for row in rows)


def test_a_finished_run_asks_nothing_again_and_is_shown(run: Path, folder: Path) -> None:
    before = (run / "manifest.json").read_text()
    run_recipe(RECIPE, (), runs_folder=folder, name="labels", console=Console(quiet=True))
    assert (run / "manifest.json").read_text() == before
    page = write_report(run).read_text()
    assert "up to the flip" in page and "<svg" in page and "Every search" in page
    shown = Console(file=io.StringIO(), width=160)
    print_summary(run, shown)
    assert "coherent labels agree with the truth on" in shown.file.getvalue()  # type: ignore[attr-defined]


def test_bad_input_is_refused_before_anything_is_asked() -> None:
    with pytest.raises((ConfigError, ValidationError), match="twice"):
        load_settings(CoherentLabelsSettings, RECIPE | {"models": [AGENT, AGENT]})
    with pytest.raises((ConfigError, ValidationError), match="between 0 and 1"):
        load_settings(CoherentLabelsSettings, RECIPE | {"models": ["micro?longer=2"]})
    with pytest.raises(ConfigError, match="shorter"):
        longer_share("micro?shorter=1")
    with pytest.raises(CapabilityError, match="score"):
        prepare_coherent_labels(load_settings(CoherentLabelsSettings, RECIPE | {"models": ["human"]}))
