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
from veracity.analysis.wording import opening
from veracity.core.finding import Finding, IntervalPlot, Overview, Place, Point
from veracity.metrics.metric_names import variant_words
from veracity.report.analysis import write_analysis
from veracity.report.analysis_files import INDEX

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
    assert table.records()[0]["about"] == "Brier loss at the end\ntruth_accuracy.brier.eventual"
    assert told[0].startswith("Brier loss at the end: ") and "on 60 shared items from 30 sources" in told[0]
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


def test_pages_have_words_and_files_identifiers(tmp_path: Path) -> None:
    """The identifier is on the page in small print only; the page of what was measured has words in its table."""
    name, variant = "truth_accuracy.brier.eventual", "truth_accuracy.brier.eventual@1234abcd"
    many = overviews(analyze([run_of(scores(12))], analyzers=["performance_comparison", "results_catalog"]))
    page = write_analysis(many, tmp_path).read_text()
    plain = re.sub(
        r'<(?:span class="(?:small|where|quiet)"|p class="note").*?</(?:span|p)>', "", page.replace("<wbr>", "")
    )
    assert "Brier loss at the end" in plain and name in page.replace("<wbr>", "")
    assert name not in re.sub(r'(?:href|src)="[^"]*"', "", plain)
    folder = tmp_path / "results_catalog" / "ALL" / "ALL" / "ALL" / "ALL" / "run-r"
    table = (folder / "index.html").read_text()
    assert '<th scope="row">Brier loss at the end</th>' in table and name not in table
    assert name in (folder / "tables" / "metrics.csv").read_text() and name in (folder / "catalog.json").read_text()
    assert (variant_words(variant), opening(variant)) == (
        "Brier loss at the end (variant 1234abcd)", "Brier loss at the end (variant 1234abcd)",
    )  # fmt: skip
    assert (opening("martingale.loss"), opening("my.metric")) == ("Martingale loss", "my.metric")


def test_an_analysis_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    """What the first alone wrote is gone with its folders; a file beside it stays, and one outside that is listed."""
    root, outside = tmp_path / "out", tmp_path / "outside.txt"
    plot = IntervalPlot("means", "Means", "c", [Point(1.0, low=0.0, high=2.0, label="a")], "mean")
    first = Finding("x", "run", Place("old"), "t", plots=[plot], files={"more.json": "{}"}, answer="A.")
    write_analysis(overviews([first]), root)
    of_old = root / "x" / "old"
    assert len([path for path in of_old.rglob("*") if path.is_file()]) == 5
    mine = root / "x" / "mine.txt"
    for path in (mine, outside):
        path.write_text("mine")
    (root / "linked").symlink_to(tmp_path)
    with (root / INDEX).open("a") as index:
        index.write(f"../outside.txt\n{outside}\nlinked/outside.txt\nx\n")
    page = write_analysis(overviews([Finding("x", "run", Place("new"), "t", answer="B.")]), root)
    assert not of_old.exists() and (root / "x" / "new").is_dir()
    assert mine.read_text() == outside.read_text() == "mine"
    there = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path != mine}
    listed = set((root / INDEX).read_text().splitlines())
    assert {one for one in there if not one.startswith("linked/")} == listed | {INDEX} and page.is_file()
