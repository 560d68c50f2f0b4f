"""The page is one file that stands alone, says what is missing, and shows the numbers of the metrics."""

import re
from html.parser import HTMLParser
from io import StringIO

import polars as pl
import pytest
from rich.console import Console
from simulated_learner import Learner, tables

from veracity.core.errors import StoreError
from veracity.core.estimate import Estimate
from veracity.report.contents import read_contents
from veracity.report.page import duration, write_report
from veracity.report.terminal import print_summary
from veracity.store.run import Run

RECIPE = {"experiment": "gv-gap", "training": {"learning_rate": 3e-4}}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with everything in it, one reply of which could not be parsed."""
    folder = tmp_path_factory.mktemp("runs") / "whole <run>"
    probes, losses = tables(Learner(verifies=True, facts=24))
    odd = (pl.col("probe") == "verification") & (pl.col("fact") == "person003/employer") & (pl.col("epoch") == 0)
    probes = probes.with_columns(
        status=pl.when(odd).then(pl.lit("parse_failed")).otherwise("status"),
        correct=pl.when(~odd).then("correct"),
        reply=pl.when(odd).then(pl.lit("<script>alert('no')</script>")).otherwise("reply"),
    )
    with Run.open(folder) as run:
        run.table("probes", "k", lambda: probes)
        run.table("losses", "k", lambda: losses)
        run.table("failures", "k", lambda: pl.DataFrame({"item": ["f9"], "kind": ["ModelError"], "reason": ["gone"]}))
        run.write_estimates({"lag": Estimate(3.0, 0.5, 2.0, 4.0, 9, 9, "neither", 0.0)})
        run.write_manifest(recipe=RECIPE, seeds={"run": 7}, models={"policy": "f" * 64}, wall_s=200.4)
    write_report(folder)
    return folder


class Checker(HTMLParser):
    """Collects ids, references, tags and the text of a page, and checks that tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.ids, self.external, self.open, self.images = [], [], [], 0

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "id" in given:
            self.ids.append(given["id"])
        self.external += [v for k, v in attributes if k in ("src", "href") and re.match(r"(https?:)?//", v or "")]
        self.images += tag == "svg" and given.get("role") == "img" and bool(given.get("aria-label"))
        if tag not in ("meta", "link", "br", "wbr", "img", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(run):
    text = (run / "report.html").read_text("utf-8")
    page = Checker()
    page.feed(text)
    assert page.open == [] and page.external == [] and len(page.ids) == len(set(page.ids))
    assert "@import" not in text and "url(http" not in text and "<script" not in text
    assert page.images == 4
    assert all(f"-{name}" not in page.ids for name in ("acquisition", "update", "forgetting", "loss"))
    for reference in re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', text):
        assert reference in page.ids


def test_the_page_says_it_all(run):
    text = (run / "report.html").read_text("utf-8").replace("\u00a0", " ")
    assert "whole &lt;run&gt;" in text and "Recognised before recalled" in text
    assert text.count("✓ pass") + text.count("✗ fail") + text.count("– not measured") == 6
    assert "10 prompts with their replies" in text and text.count('class="example"') == 10
    assert "&lt;script&gt;alert" in text and "not parsed" in text
    assert "learning_rate: 0.0003" in text and "3 min 20 s" in text and "f" * 64 in text and "run 7" in text
    assert "1 program ended without a value" in text and "f9: ModelError: gone" in text
    assert "3.000" in text and "[2.000, 4.000]" in text and "plateau" in text


def test_figures_are_saved_twice_and_the_same_each_time(run):
    names = {p.name for p in (run / "figures").iterdir()}
    assert names == {f"{n}.{e}" for n in ("acquisition", "update", "forgetting", "loss") for e in ("png", "svg")}
    before = {p.name: p.read_bytes() for p in (run / "figures").iterdir()}
    page = (run / "report.html").read_bytes()
    write_report(run)
    assert {p.name: p.read_bytes() for p in (run / "figures").iterdir()} == before
    assert (run / "report.html").read_bytes() == page


def test_page_colours_follow_light_and_dark(run):
    text = (run / "report.html").read_text("utf-8")
    drawn = text[text.index("<svg") : text.rindex("</svg>")]
    assert "var(--ink)" in drawn and "var(--old)" in drawn
    assert not set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawn))
    assert "prefers-color-scheme: dark" in text


def test_an_unfinished_run_says_what_is_missing(tmp_path):
    rows = tables(Learner(seeds=1, facts=6))[0].filter(pl.col("phase") == "acquisition")
    with Run.open(tmp_path / "half") as run:
        run.table("probes", "k", lambda: rows)
    text = write_report(tmp_path / "half").read_text("utf-8")
    assert "not finished" in text and "Not recorded yet" in text and text.count("– not measured") == 4
    assert "The run stored no table of failures" in text and 'id="update"' not in text


def test_a_run_without_probes_still_has_a_page(tmp_path):
    with Run.open(tmp_path / "bare") as run:
        run.write_manifest(recipe=RECIPE)
    text = write_report(tmp_path / "bare").read_text("utf-8")
    assert "no probes yet" in text and "learning_rate" in text
    heard = StringIO()
    print_summary(tmp_path / "bare", Console(file=heard))
    assert "no probes yet" in heard.getvalue()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere: there is no such run folder"):
        write_report(tmp_path / "nowhere")
    with (tmp_path / "file").open("w"), pytest.raises(StoreError):
        read_contents(tmp_path / "file")


def test_the_terminal_has_the_same_headline_and_checks(run):
    heard = StringIO()
    print_summary(run, Console(file=heard, width=400))
    text = heard.getvalue()
    page = re.sub(r"<[^>]+>", "", (run / "report.html").read_text("utf-8")).replace("\u00a0", " ")
    shown = next(line.strip() for line in text.splitlines() if line.startswith("Recognised before recalled"))
    assert shown in page
    assert all(check.sentence in text and check.name in text for check in read_contents(run).checks)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200.4, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_duration(seconds, words):
    assert duration(seconds) == words
