"""Which words of a text became more, or less, predictable by the context that was given?

The change of a token's log-probability, with the context less without it, in nats; over a text they add up to the
score of its paradigm. Trials of one text with the same tokens are averaged. In mutual predictability the texts are the
answers that were predicted, in world in the loop the reports; the trajectory whose score it is was read before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import shorten

import numpy as np
import polars as pl
from pydantic import Field

from veracity.analysis.base import Analyzer, analyzer
from veracity.analysis.scores import RunTables, policy_names
from veracity.analysis.wording import opening
from veracity.core.config import Settings
from veracity.core.finding import Finding, LinePlot, Place, ResultTable
from veracity.stats.cluster import Floats

FULL = 3.0
"""Nats at which a token has its full colour: twenty times as likely."""
UP, DOWN = (0, 114, 178), (213, 94, 0)
"""Okabe and Ito's blue and vermilion."""


class EvidenceOptions(Settings):
    """How much to show."""

    top: int = Field(default=10, ge=1, description="Tokens of either sign in the table.")
    trajectories: int = Field(
        default=20, ge=1, description="Trajectories of a metric and run: question by question, those of every policy."
    )


@dataclass(frozen=True)
class TokenChange:
    """A text with the change of each token's log-probability."""

    tokens: tuple[str, ...]
    change: Floats
    """Nats, mean over trials."""
    trials: int


def token_changes(evidence: pl.DataFrame) -> list[TokenChange]:
    """The texts in the token evidence of one trajectory and metric; trials of the same tokens are one text."""
    texts: dict[tuple[str, ...], list[Floats]] = {}
    for _, trial in evidence.sort("trial", "position").group_by("trial", maintain_order=True):
        change = (trial["logprob"] - trial["base_logprob"]).to_numpy()
        texts.setdefault(tuple(trial["token"].to_list()), []).append(change)
    return [TokenChange(tokens, np.mean(found, axis=0), len(found)) for tokens, found in texts.items()]


def heat_map(texts: Sequence[TokenChange], title: str) -> str:
    """A page of the texts: blue tokens became likelier, orange ones less likely, by up to `FULL` nats."""
    parts = [
        f'<p class="total">{text.change.sum():+.2f} nats in all, {text.change.mean():+.3f} a token, '
        f"{text.trials} trial{'s' if text.trials > 1 else ''}</p>\n<p>{_spans(text)}</p>"
        for text in texts
    ]
    style = (
        "body{font:16px/1.7 Georgia,serif;max-width:46em;margin:2em auto;padding:0 1em;color:#1c1e22;background:#fff}"
        "span{white-space:pre-wrap;border-radius:2px}h1{font-size:1.2em}.total{color:#6b7078;font-size:.85em}"
    )
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style>'
    key = "<p>Texts that were predicted. Blue: more likely after the answer that is scored. Orange: less likely. "
    key += "Hold the pointer over a token for nats.</p>"
    return f"{head}<h1>{escape(title)}</h1>{key}{''.join(parts)}</html>"


def _spans(text: TokenChange) -> str:
    return "".join(
        f'<span style="background:{_colour(change)}" title="{change:+.3f} nats">{escape(token)}</span>'
        for token, change in zip(text.tokens, text.change.tolist(), strict=True)
    )


def _colour(change: float) -> str:
    """At most 0.7 opaque, so that black text stays readable on it."""
    red, green, blue = UP if change > 0 else DOWN
    return f"rgba({red},{green},{blue},{0.7 * min(1.0, abs(change) / FULL):.3f})"


@analyzer("token_level_evidence")
class TokenLevelEvidence(Analyzer):
    """Which words carry a score that is a difference of log-probabilities?"""

    Options = EvidenceOptions

    def on_trajectories(self, run: RunTables) -> Iterable[Finding]:
        """One finding a trajectory and metric with token evidence, up to a number of them."""
        if run.token_evidence.is_empty():
            return
        names = policy_names([run])
        about = {row["trajectory"]: row for row in run.trajectories.iter_rows(named=True)}
        for (metric,), rows in sorted(run.token_evidence.group_by("metric"), key=lambda pair: str(pair[0])):
            known = sorted(set(rows["trajectory"]), key=lambda name: (about[name]["item"], about[name]["arm"], name))
            for name in known[: self.options.trajectories]:
                row = about[name]
                model = f"{names[row['model']]}-{row['item']}-{name[:8]}"
                place = Place(str(metric), row["domain"], row["mode"], row["system"], model)
                asked = shorten(row["question"], 80, placeholder=" …")
                who = f"{opening(str(metric))} of {names[row['model']]}"
                yield self._finding(place, rows.filter(pl.col("trajectory") == name), who, asked)

    def _finding(self, place: Place, evidence: pl.DataFrame, who: str, asked: str) -> Finding:
        title, texts = f"{who}: {asked}", token_changes(evidence)
        most, change = _strongest(texts)
        total = sum(float(t.change.sum()) for t in texts)
        lines = [
            (f"text {i}", list(range(1, len(t.tokens) + 1)), np.cumsum(t.change).tolist())
            for i, t in enumerate(texts, start=1)
        ]
        caption = "Sum of the changes up to each token; it ends at the score of the whole text."
        plot = LinePlot("cumulative", "Where the score comes from", caption, lines, "tokens", "nats")
        return Finding(
            self.name, "trajectory", place, title, [_top(texts, self.options.top)], [plot],
            files={"heat_map.html": heat_map(texts, title)},
            answer=f"{who}, one trajectory: {total:+.3g} nats, of which {change:+.3g} at “{most}”. “{asked}”",
            summary={"nats": total, "texts": len(texts), "strongest token": most, "its nats": change},
        )  # fmt: skip


def _strongest(texts: Sequence[TokenChange]) -> tuple[str, float]:
    """The token that changed most, up or down, and by how much."""
    changes = [pair for t in texts for pair in zip(t.tokens, t.change.tolist(), strict=True)]
    token, change = max(changes, key=lambda pair: abs(pair[1]))
    return token.strip() or repr(token), float(change)


def _top(texts: Sequence[TokenChange], top: int) -> ResultTable:
    """The tokens that changed most, up then down."""
    listed = [
        (number, place, token, float(change))
        for number, text in enumerate(texts, start=1)
        for place, (token, change) in enumerate(zip(text.tokens, text.change.tolist(), strict=True))
    ]
    up = sorted((row for row in listed if row[3] > 0), key=lambda row: -row[3])[:top]
    down = sorted((row for row in listed if row[3] < 0), key=lambda row: row[3])[:top]
    note = "Change of the log-probability with the context, nats; mean over the trials of a text."
    return ResultTable("tokens", "Tokens that changed most", ("text", "position", "token", "nats"), (*up, *down), note)
