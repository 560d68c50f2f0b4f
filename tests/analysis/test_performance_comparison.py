"""Comparison of policies: values by hand, and simulated policies whose order is known."""

from __future__ import annotations

import numpy as np
import pytest
from score_tables import row, run_of, table

from veracity.analysis.analyzers.performance_comparison import ComparisonOptions, PerformanceComparison
from veracity.analysis.base import analyze
from veracity.analysis.rating import PairedChange, groups
from veracity.core.errors import ConfigError
from veracity.core.estimate import Estimate
from veracity.core.finding import Finding, ScatterPlot

NOTHING = Estimate(1.0, 1.0, 0.0, 2.0, 9, 9, "higher", 0.0)


def compared(values, **options) -> Finding:
    return analyze(
        [run_of(values)], analyzers=["performance_comparison"],
        options={"performance_comparison": options}, resamples=400,
    )[0]  # fmt: skip


def policies(true, n=80, noise=1.0, direction="higher", replicates=1, seed=0):
    """Losses or scores of policies with these true means; items differ by as much as the noise."""
    rng = np.random.default_rng(seed)
    items = rng.normal(size=n)
    return [
        {"policy": p, "item": f"i{i}", "value": float(items[i] + mean + noise * rng.normal()), "replicate": r,
         "direction": direction}
        for p, mean in true.items()
        for i in range(n)
        for r in range(replicates)
    ]  # fmt: skip


def test_means_differences_and_wins_by_hand() -> None:
    """a: 1, 2, 3, 4; b: 2, 3, 4, 4. Difference 3/4; b wins 3, one tie: 3.5 to 0.5, and 1/2 each more: 4 to 1.

    400·log10 4 = 240.8 points.
    """
    values = [{"policy": "a", "item": str(i), "value": float(v)} for i, v in enumerate((1, 2, 3, 4))]
    values += [{"policy": "b", "item": str(i), "value": float(v)} for i, v in enumerate((2, 3, 4, 4))]
    finding = compared(values)
    assert row(finding, "means", policy="a")["value"] == 2.5 and row(finding, "means", policy="b")["value"] == 3.25
    assert row(finding, "differences", pair="b − a")["value"] == pytest.approx(0.75)
    ratings = {r["policy"]: r["value"] for r in table(finding, "standings")}
    assert ratings["b"] - ratings["a"] == pytest.approx(240.82, abs=0.01)
    assert finding.folder == ("performance_comparison", "m", "d", "direct", "none", "run-r")


def test_lower_is_better_turns_wins_and_ranks_but_not_means() -> None:
    finding = compared(policies({"good": 0.0, "bad": 1.5}, direction="lower"))
    assert [r["policy"] for r in table(finding, "standings")] == ["good", "bad"]
    change = row(finding, "differences", pair="good − bad")
    assert change["value"] < 0 and change["better"] == "good" and change["p corrected"] < 0.01
    assert (
        row(finding, "standings", policy="good")["rank"] == 1
        and row(finding, "standings", policy="good")["group"] == "a"
    )


def test_policies_that_are_alike_share_a_group_and_their_ranks() -> None:
    finding = compared(policies({"a": 0.0, "b": 0.0, "c": 2.0}))
    standing = {r["policy"]: r for r in table(finding, "standings")}
    assert standing["a"]["group"] == standing["b"]["group"] != standing["c"]["group"]
    assert (standing["c"]["rank low"], standing["c"]["rank high"], standing["c"]["share first"]) == (1, 1, 1)
    assert (standing["a"]["rank low"], standing["a"]["rank high"]) == (2, 3)


def test_letters_of_overlapping_groups() -> None:
    """b is apart from neither a nor c, but a is from c: a | ab | b."""
    pair = PairedChange("a", "c", NOTHING, 0.001, 0.003)
    assert groups(["a", "b", "c"], [pair]) == {"a": "a", "b": "ab", "c": "b"}
    assert groups(["a", "b"], []) == {"a": "a", "b": "a"}


def test_a_metric_without_a_better_side_has_no_ratings() -> None:
    finding = compared(policies({"a": 0.0, "b": 1.0}, direction="neither"))
    assert {t.name for t in finding.tables} == {"means", "differences", "soundness"}
    assert row(finding, "differences", pair="b − a")["better"] == "–"


def test_soundness_of_known_reliability() -> None:
    """Items vary by 1, replicates by 1: retest 1/2. Three policies a standard deviation apart: halves agree."""
    finding = compared(policies({"a": 0.0, "b": 1.0, "c": 2.0}, n=150, replicates=3))
    assert row(finding, "soundness", policy="a")["value"] == pytest.approx(0.5, abs=0.12)
    assert row(finding, "soundness", policy="all")["low"] > 0.9


def test_ratings_of_a_public_table_need_exact_names_and_show_what_is_dropped() -> None:
    """Means 0, 1, 2, 5 against ratings 0, 1, 2, −1: r = −0.5…; without the last, 1."""
    true = {"gpt": 0.0, "gpt-mini": 1.0, "claude": 2.0, "odd": 5.0, "unknown": 0.0}
    values = [
        {"policy": p, "item": str(i), "value": mean + shift}
        for p, mean in true.items()
        for i, shift in enumerate((-0.5, 0.5))
    ]
    arena = [{"model": m, "score": s} for m, s in {"gpt": 0.0, "gpt-mini": 1.0, "Claude": 2.0, "odd": -1.0}.items()]
    finding = compared(values, arena=arena, aliases={"claude": "Claude"}, drop=["odd"])
    every, kept = table(finding, "arena")
    x, y = np.array([0.0, 1, 2, -1]), np.array([0.0, 1, 2, 5])
    assert every["n"] == 4 and every["Pearson"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert kept["n"] == 3 and kept["Pearson"] == pytest.approx(1) and kept["Spearman"] == pytest.approx(1)
    assert any("unknown" in note and "exact" in note for note in finding.notes)
    assert any("odd" in note and "by hand" in note for note in finding.notes)
    shown = [p for p in finding.plots if isinstance(p, ScatterPlot)]
    assert [p.name for p in shown] == ["arena_all", "arena_kept"]
    assert all(point.solid for point in shown[0].points) and [p.label for p in shown[1].points if not p.solid] == [
        "odd"
    ]
    with pytest.raises(ConfigError, match="spell it so"):
        compared(values, arena=arena, aliases={"claude": "claude"})
    with pytest.raises(ConfigError, match="no policy here"):
        compared(values, arena=arena, drop=["gtp"])


def test_ratings_by_size() -> None:
    values = policies({"small": 0.0, "large": 1.0})
    plots = compared(values, x="size", sizes={"small": 1, "large": 70}, groups={"small": "q", "large": "q"}).plots
    by_size = next(p for p in plots if p.name == "by_position")
    assert isinstance(by_size, ScatterPlot) and by_size.log_x
    assert {p.label: p.x for p in by_size.points} == {"small": 1, "large": 70} and {
        p.group for p in by_size.points
    } == {"q"}
    with pytest.raises(ConfigError, match=r"sizes.large"):
        compared(values, x="size", sizes={"small": 1})


def test_scales_of_two_runs() -> None:
    """Two runs of one policy each: nothing to pair within a run, everything in the setup; a mode more adds `across`."""
    runs = [run_of([v for v in policies({"a": 0.0, "b": 1.0}) if v["policy"] == p], name=p) for p in "ab"]
    found = analyze(runs, analyzers=["performance_comparison"], resamples=200)
    assert [f.scale for f in found] == ["run", "run", "setup"]
    assert row(found[2], "differences", pair="b − a")["better"] == "b"
    more = run_of([{**v, "mode": "debate"} for v in policies({"a": 0.0, "b": 1.0})], name="c")
    assert [f.scale for f in analyze([*runs, more], analyzers=["performance_comparison"], resamples=200)][
        -1
    ] == "across"


def test_rows_without_a_value_are_told_and_in_no_number() -> None:
    finding = compared([{"value": 1.0, "item": str(i)} for i in range(3)] + [{"status": "no_belief", "item": "x"}])
    assert finding.notes[0] == "Of 4 rows, 1 have no value and are in no number here: 1 no belief."
    assert row(finding, "means", policy="a")["n"] == 3
    assert PerformanceComparison(ComparisonOptions()).options.x == "none"


def test_the_sentence_says_on_how_many_items_and_that_five_cannot_tell_two_policies_apart() -> None:
    """b is 10 better on each of 5 items; of 2⁵ swaps 2 are as far apart, so p is 1/16 and no test can say less."""
    values = [{"policy": p, "item": f"i{i}", "value": i + 10.0 * (p == "b")} for p in "ab" for i in range(5)]
    few = compared(values)
    assert few.answer == (
        f"m (direct): b is best, {_told(few, 'b')}, but not told apart from the other (the last: a, {_told(few, 'a')}) "
        "on 5 shared items, too few for the paired test to tell any two apart."
    )
    assert row(few, "differences", pair="b − a")["p"] == pytest.approx(1 / 16, abs=0.02) and not few.decided
    more = compared(values + [{**one, "item": f"j{one['item']}", "cluster": one["item"]} for one in values])
    assert "on 10 shared items from 5 sources, too few" in more.answer
    alike = compared([{"policy": p, "item": f"i{i}", "value": float(i % 7 + (p == "b") * (i % 2 - 0.4))}
                      for p in "ab" for i in range(40)])  # fmt: skip
    assert alike.answer.endswith("on 40 shared items.") and "but not told apart from the other (" in alike.answer


def test_policies_without_a_shared_item_are_not_ordered() -> None:
    finding = compared([{"policy": p, "item": f"{p}{i}", "value": float(i)} for p in "ab" for i in range(6)])
    assert finding.answer == "m (direct): no two policies share an item."


def _told(finding: Finding, policy: str) -> str:
    one = row(finding, "means", policy=policy)
    return f"{one['value']:.3g} [{one['low']:.3g}, {one['high']:.3g}]"
