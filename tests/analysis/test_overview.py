"""The page of an analysis: what matters first, small, and with links that work without a network."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from score_tables import run_of

from veracity.analysis.base import analyze
from veracity.analysis.overview import importance, in_short, overviews
from veracity.core.finding import Finding, IntervalPlot, Overview, Place, Point
from veracity.report.analysis import write_analysis

METRICS = (
    "sycophancy.words.u0", "truth_accuracy.brier.eventual", "sycophancy.flip", "martingale.weight.total.trajectory",
    "a.third", "a.fourth",
)  # fmt: skip


def scores(n: int = 30):
    """Two modes, three policies, six metrics; `b` is worse by a standard deviation, and truth is the noisier metric."""
    rng = np.random.default_rng(0)
    return [
        {"policy": f"sim/{p}", "mode": mode, "item": f"i{i}", "metric": metric, "direction": "lower", "text": "w " * i,
         "value": float((p == "b") + rng.normal())}
        for metric in METRICS for mode in ("direct", "debate?turns=4&summary=true") for p in "abc" for i in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def parts() -> list[Overview]:
    return overviews(analyze([run_of(scores())], resamples=200))


def test_analyzers_and_metrics_stand_in_the_order_of_reading(parts: list[Overview]) -> None:
    names = [part.analyzer for part in parts]
    assert names[:2] == ["performance_comparison", "causal_attribution"] and names[-1] == "results_catalog"
    shown = [finding.place.algorithm for finding in parts[0].shown]
    assert shown[:3] == [
        "truth_accuracy.brier.eventual",
        "martingale.weight.total.trajectory",
        "sycophancy.flip",
    ]
    assert parts[0].shown[0].scale == "across" and "sycophancy.words.u0" not in shown
    assert importance("truth_accuracy.brier.eventual~a.third")[0] == importance("a.third")[0]
    pairs = [
        "truth_accuracy.brier.eventual~truth_accuracy.cross_entropy.eventual",
        "truth_accuracy.brier.eventual~sycophancy.iq",
    ]
    assert sorted(pairs, key=importance) == pairs[::-1]  # two losses of one belief say little of each other


def test_each_analyzer_answers_in_a_sentence_with_numbers(parts: list[Overview]) -> None:
    """Six metrics × (two setups and all): 18 comparisons, of which four are shown and twelve have a row."""
    told = in_short(parts)
    assert len(told) >= 5 and all(sentence.endswith(".") for sentence in told)
    assert re.search(r"sim/[ac] is best, −?0\.\d+ \[.*told apart from 1 of 2 others \(the last: sim/b", told[0])
    assert len(parts[0].findings) == 18 and len(parts[0].shown) == 4
    table = parts[0].table
    assert table is not None and len(table.rows) == 12
    assert table.records()[0]["last"] == "sim/b" and table.records()[0]["told apart"] == "1 of 2"
    assert {row["where"] for row in table.records()} == {"all", "d · debate", "d · direct"}


def test_what_is_decided_is_told_beside_what_is_not() -> None:
    """The first metric decides nothing, so the first that does is told, too."""
    unsure = Finding("x", "run", Place("truth_accuracy.brier.eventual"), "t", answer="A.")
    sure = Finding("x", "run", Place("zeta"), "t", answer="B.", decided=True)
    assert overviews([sure, unsure])[0].answers == ["A.", "B."]
    first = Finding("x", "run", Place("truth_accuracy.brier.eventual"), "t", answer="A.", decided=True)
    assert overviews([sure, first])[0].answers == ["A."]
    assert overviews([Finding("x", "run", Place("m"), "insufficient")])[0].answers == []


def test_every_link_of_every_page_leads_to_a_file(parts: list[Overview], tmp_path: Path) -> None:
    fewer = [part for part in parts if part.analyzer in ("causal_attribution", "trajectory_score", "results_catalog")]
    page = write_analysis(fewer, tmp_path / "a b", title="r & s")
    assert page.stat().st_size < 2_000_000
    pages = sorted(page.parent.rglob("*.html"))
    assert len(pages) == 1 + sum(len(part.findings) for part in fewer)
    for one in pages:
        text = one.read_text()
        links = re.findall(r'(?:href|src)="([^"#]*)(?:#([^"]*))?"', text)
        assert links
        for link, anchor in links:
            if link.startswith("data:"):
                continue
            assert not urlsplit(link).scheme and not link.startswith("/"), link
            target = (one.parent / unquote(unescape(link))).resolve() if link else one
            assert target.is_file(), (one, link)
            if anchor and target.suffix == ".html":
                assert f'id="{anchor}"' in target.read_text(), (one, link, anchor)


def test_figures_are_drawn_for_what_is_shown_unless_all_are_asked_for(tmp_path: Path) -> None:
    """Nine findings of one metric each: four are shown, two figures stand in the page itself."""
    plot = IntervalPlot("means", "Means", "c", [Point(1.0, low=0.0, high=2.0, label="a")], "mean")
    many = overviews([Finding("x", "run", Place(f"m{i}"), "t", plots=[plot], answer=f"{i}.") for i in range(9)])
    for every, drawn in ((False, 4), (True, 9)):
        root = tmp_path / str(every)
        heard: list[str] = []
        page = write_analysis(many, root, every_figure=every, progress=heard.append).read_text()
        assert len(list(root.rglob("*.png"))) == len(list(root.rglob("*.svg"))) == drawn
        assert page.count("<svg") == 2 and page.count('loading="lazy"') == 4
        assert heard == ["drawing and writing x"]
