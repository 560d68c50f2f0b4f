"""Relations between metrics and agreement of setups, on simulated scores of known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from score_tables import row, run_of, table

from veracity.analysis.analyzers.evaluation_relationship import _in_turn
from veracity.analysis.base import analyze
from veracity.analysis.multilevel import multilevel_slope
from veracity.core.errors import ConfigError
from veracity.core.finding import Finding, ScatterPlot


def related(values, **options) -> list[Finding]:
    return analyze(
        [run_of(values)], analyzers=["evaluation_relationship"], options={"evaluation_relationship": options},
        resamples=300,
    )  # fmt: skip


def both(x, y, *, direction="higher", **more):
    """Two metrics on each trajectory: n items × replicates."""
    found = []
    for i in range(len(x)):
        for r in range(len(x[i])):
            about = {"item": f"i{i}", "replicate": r, **{k: v[i][r] for k, v in more.items()}}
            found.append({**about, "metric": "x", "value": float(x[i][r])})
            found.append({**about, "metric": "y", "value": float(y[i][r]), "direction": direction})
    return found


def test_what_items_share_is_not_what_trajectories_share() -> None:
    """Items raise both metrics; within an item nothing connects them: r = 1/2 over all, 0 within items.

    Retest reliabilities are 1/2, so what the items' own parts correlate at is (1/2) / (1/2) = 1.
    """
    rng = np.random.default_rng(0)
    item = rng.normal(size=(300, 1))
    x, y = item + rng.normal(size=(300, 4)), item + rng.normal(size=(300, 4))
    (finding,) = related(both(x, y))
    found = {r["correlation"]: r for r in table(finding, "correlations")}
    assert found["Pearson"]["value"] == pytest.approx(0.5, abs=0.06) and found["Pearson"]["low"] > 0.3
    assert found["Spearman"]["value"] == pytest.approx(6 / math.pi * math.asin(0.25), abs=0.06)
    assert found["Pearson within items"]["low"] < 0 < found["Pearson within items"]["high"]
    assert found["disattenuated"]["value"] == pytest.approx(1, abs=0.1)
    assert found["between policies"]["n"] == 0  # there is one
    assert "Associational" in finding.notes[0] and finding.place.algorithm == "x~y"
    assert isinstance(finding.plots[0], ScatterPlot) and finding.plots[0].line is not None


def test_values_are_turned_so_that_higher_is_better() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 1))
    (finding,) = related(both(x, -x, direction="lower"))
    assert row(finding, "correlations", correlation="Pearson")["value"] == pytest.approx(1)
    assert finding.answer.startswith("x and y, both turned so that higher is better: r = 1 [")
    (plot,) = finding.plots
    assert isinstance(plot, ScatterPlot) and sorted((plot.x_label, plot.y_label)) == ["minus y", "x"]


def test_length_can_be_all_that_two_metrics_share() -> None:
    """Both grow with the log of length and nothing else: r = 1/2, given length 0."""
    rng = np.random.default_rng(1)
    words = rng.integers(1, 400, size=(400, 1))
    length = np.log1p(words)
    length = (length - length.mean()) / length.std()
    x, y = length + rng.normal(size=(400, 1)), length + rng.normal(size=(400, 1))
    texts = [[" ".join(["w"] * int(words[i, 0]))] for i in range(400)]
    (finding,) = related(both(x, y, text=texts))
    found = {r["correlation"]: r for r in table(finding, "correlations")}
    assert found["Pearson"]["value"] == pytest.approx(0.5, abs=0.08)
    partial = found["partial, given length and domain"]
    assert partial["low"] < 0 < partial["high"] and abs(partial["value"]) < 0.12


def test_between_policies_and_pairs_with_too_few_rows() -> None:
    rng = np.random.default_rng(0)
    values = [
        {"policy": f"p{k}", "item": f"i{i}", "metric": m, "value": k + 0.1 * float(rng.normal())}
        for k in range(5)
        for i in range(10)
        for m in ("x", "y")
    ]
    values += [{"policy": "p0", "item": "i0", "metric": "z", "value": 1.0}]
    related_pair, insufficient = related(values)
    assert row(related_pair, "correlations", correlation="between policies")["n"] == 5
    assert {r["rows"] for r in table(insufficient, "insufficient")} == {1}
    with pytest.raises(ConfigError, match="no value of 'w'"):
        related(values, metrics=["w", "x"])
    assert len(related(values, metrics=["x", "y"])) == 1


def test_unasked_each_paradigm_has_its_turn() -> None:
    names = [f"a.{i:02}" for i in range(20)] + ["b.x", "c.y", "c.z"]
    assert _in_turn(names)[:6] == ["a.00", "b.x", "c.y", "a.01", "c.z", "a.02"]


def test_setups_that_agree_but_for_a_shift() -> None:
    """Two modes on 120 items; the second reads 0.3 more, with noise of a third of the variance.

    ICC = 1 / (1 + 1/3·… ) by its parts: items 1, noise 0.25 each, shift 0.3²/2: 1/(1 + .25 + .045) = 0.77.
    """
    rng = np.random.default_rng(0)
    item = rng.normal(size=400)
    values = [
        {"item": f"i{i}", "mode": mode, "value": float(item[i] + 0.5 * rng.normal() + shift)}
        for mode, shift in (("direct", 0.0), ("debate", 0.3))
        for i in range(400)
    ]
    (finding,) = analyze([run_of(values)], analyzers=["cross_setup_agreement"], resamples=300)
    found = {r["agreement"]: r for r in table(finding, "agreement")}
    assert found["same value, ICC(2,1)"]["value"] == pytest.approx(0.77, abs=0.04)
    bias = found["bias, second − first"]  # direct − debate, in the order of their names
    assert bias["value"] == pytest.approx(-0.3, abs=0.08) and bias["low"] < -0.3 < bias["high"]
    assert found["limits of agreement"]["high"] - bias["value"] == pytest.approx(1.96 * math.sqrt(0.5), abs=0.15)
    # r = 1/1.25 = 0.8, so τ = 2/π·arcsin 0.8 = 0.59
    assert found["order of values, Kendall's τ-b"]["value"] == pytest.approx(0.59, abs=0.05)
    assert finding.place.model == "debate~direct" and finding.place.domain == "d"


def test_setups_that_share_too_little_are_insufficient() -> None:
    values = [{"item": "i0", "mode": m, "value": 1.0} for m in ("direct", "debate")]
    (finding,) = analyze([run_of(values)], analyzers=["cross_setup_agreement"], resamples=100)
    assert not finding.tables and finding.notes == ["Insufficient: 1 matched values, and at least 5 are needed."]


def test_a_random_intercept_is_between_one_line_and_a_line_an_item() -> None:
    """y = x/2 + item + noise, x independent of the items: the slope of statsmodels' mixed model, by another method.

    With x in standard deviations of 1 and y of √(1/4 + 4 + 1) the standardised slope is 0.5/√5.25 = 0.218.
    """
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 6, size=200)
    groups = np.repeat(np.arange(200), sizes)
    x = rng.normal(size=groups.size)
    y = 0.5 * x + 2 * rng.normal(size=200)[groups] + rng.normal(size=groups.size)
    found = multilevel_slope(x, y, groups.tolist(), groups.tolist())
    mixed = sm.MixedLM((y - y.mean()) / y.std(), sm.add_constant((x - x.mean()) / x.std()), groups).fit()
    assert found.value == pytest.approx(mixed.params[1], abs=0.003) and found.value == pytest.approx(0.218, abs=0.05)
    assert found.se == pytest.approx(mixed.bse[1], rel=0.2)
    assert found.ci_low < 0.218 < found.ci_high and (found.n, found.clusters) == (groups.size, 200)
    once = multilevel_slope(x[:50], y[:50], list(range(50)), list(range(50)))
    assert once.n == 0 and math.isnan(once.value)


def test_a_metric_that_does_not_vary_answers_nothing() -> None:
    rng = np.random.default_rng(0)
    (finding,) = related(both(rng.normal(size=(40, 1)), np.zeros((40, 1))))
    assert row(finding, "correlations", correlation="Pearson")["value"] is None
    assert (finding.answer, finding.summary, finding.decided) == ("", {}, False)


def test_modes_can_be_all_that_two_metrics_share() -> None:
    """The debate raises both by two standard deviations: together r = 1/(1 + 1) = 1/2, in either mode 0."""
    rng = np.random.default_rng(0)
    values = [
        {"item": f"i{i}", "mode": mode, "metric": m, "value": shift + float(rng.normal())}
        for mode, shift in (("direct", 0.0), ("debate", 2.0)) for i in range(300) for m in ("x", "y")
    ]  # fmt: skip
    found = {(f.scale, f.place.mode): f for f in related(values)}
    assert set(found) == {("run", "ALL"), ("setup", "direct"), ("setup", "debate")}
    whole = row(found["run", "ALL"], "correlations", correlation="Pearson")
    assert whole["value"] == pytest.approx(0.5, abs=0.07) and found["run", "ALL"].decided
    for mode in ("direct", "debate"):
        own = found["setup", mode]
        assert abs(row(own, "correlations", correlation="Pearson")["value"]) < 0.13 and own.place.domain == "d"


def test_setups_agree_only_where_the_interval_is_above_no_agreement() -> None:
    """Independent noise in two modes has an ICC of 0; a shared item's level and a ninth of noise one of 0.99."""
    rng = np.random.default_rng(3)
    item = rng.normal(size=40)
    for share, decided in ((0.0, False), (1.0, True)):
        values = [
            {"item": f"i{i}", "mode": mode, "value": float(share * item[i] + (0.1 if share else 1.0) * rng.normal()),
             "metric": "truth_accuracy.brier.eventual"}
            for mode in ("direct", "self_debate?turns=4") for i in range(40)
        ]  # fmt: skip
        (finding,) = analyze([run_of(values)], analyzers=["cross_setup_agreement"], resamples=300)
        icc = next(r for r in table(finding, "agreement") if r["agreement"] == "same value, ICC(2,1)")
        assert (icc["low"] > 0) is decided is finding.decided
        verb = "agree: ICC 0.9" if decided else "are not shown to agree: ICC "
        assert finding.answer.startswith(f"Brier loss at the end: direct and self debate, turns=4 {verb}")
        assert finding.answer.endswith("on 40 matched values from 40 sources.")
        assert finding.place.model == "direct~self_debate?turns=4"
