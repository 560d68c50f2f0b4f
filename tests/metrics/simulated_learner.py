"""A learner whose memory is known: strengths rise, are overwritten and fade, and every probe reads them.

Each value of a fact has a strength; recognition sees it through a little noise (its margin over the foil is
strength plus a fixed preference), recall needs it above a threshold and above its rivals. So the findings of the
paper hold by construction, or do not, as the options say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from veracity.metrics.probe_rows import LOSS_SCHEMA, probe_table

CATEGORIES = ("medicine", "politics", "religion", "science", "society", "social_bias")


@dataclass(frozen=True)
class Learner:
    seeds: int = 3
    facts: int = 40
    epochs: int = 8
    delays: tuple[int, ...] = (0, 3)
    saturation: int = 4
    overwrites: bool = False
    """The update wipes the old value out instead of merely outranking it."""
    verifies: bool = False
    """Text verdicts too."""


def tables(learner: Learner = Learner()) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Probe table and loss table."""
    rows: list[dict[str, object]] = []
    losses: list[dict[str, object]] = []
    for seed in range(learner.seeds):
        generator = np.random.default_rng(seed + 100)
        facts = [_Fact(seed, i, generator) for i in range(learner.facts)]
        for phase, delay, epoch, old, new in _courses(learner):
            for fact in facts:
                rows += fact.rows(phase, delay, epoch, {"learn": old, "update": new, "control": 0.0}, learner.verifies)
            for kind, scale in (("sentence", 1.0), ("answer", 3.0)):
                for target, strength in (("learn", old), ("update", new)):
                    loss = 0.4 + scale * math.exp(-0.6 * strength) + 0.004 * seed
                    losses.append(dict(zip(LOSS_SCHEMA, (seed, phase, delay, epoch, kind, target, loss), strict=True)))
    return probe_table(rows), pl.DataFrame(losses, schema=LOSS_SCHEMA, orient="row")


def _courses(learner: Learner):
    """(phase, delay, epoch, strength of the old value, of the new one)."""
    rise = lambda t: 4.5 * (1 - math.exp(-t / 2))  # noqa: E731
    for t in range(learner.epochs + 1):
        yield "acquisition", 0, t, rise(t), 0.0
    start = rise(learner.saturation)
    for t in range(learner.epochs + 1):
        left = 0.0 if learner.overwrites else 0.5
        yield "update", 0, learner.saturation + t, start * (left + (1 - left) * math.exp(-t)), rise(t)
    for delay in learner.delays:
        held = rise(learner.saturation + delay)
        for t in range(learner.epochs + 1):
            slow = 0.52 + 0.08 * delay
            yield "continual", delay, learner.saturation + delay + t, held * (slow + (1 - slow) * math.exp(-t / 2)), 0.0


class _Fact:
    def __init__(self, seed: int, index: int, generator: np.random.Generator) -> None:
        self.base = {
            "seed": seed,
            "fact": f"person{index:03d}/employer",
            "subject": f"person{index:03d}",
            "category": CATEGORIES[index % 6],
            "relation": "employer",
        }
        self.values = {"learn": f"Velmora {index}", "update": f"Tarsk {index}", "control": f"Quill {index}"}
        self.liking = {k: float(generator.normal(0, 0.8)) for k in (*self.values, "foil")}
        self.ease = float(generator.normal(0, 0.5))

    def rows(self, phase: str, delay: int, epoch: int, strength: dict[str, float], verifies: bool):
        base = self.base | {"phase": phase, "delay": delay, "epoch": epoch}
        who = self.base["subject"]
        felt = {k: s * (1 + 0.15 * self.ease) for k, s in strength.items()}
        best = max(felt, key=lambda k: felt[k])
        known = felt[best] + self.ease > 3.0
        said = self.values[best] if known else f"Nobody {self.base['fact'][6:9]}"
        for target, value in self.values.items():
            margin = felt[target] + self.liking[target] - self.liking["foil"]
            yield base | {
                "probe": "generation", "target": target, "template": "question_v1", "correct": said == value,
                "answer": said, "prompt": f"Who employs {who}?", "reply": said,
            }  # fmt: skip
            yield base | {
                "probe": "forced_choice", "target": target, "foil_kind": "foil", "template": "question_v1",
                "correct": margin > 0, "margin": margin, "prompt": f"Who employs {who}?",
                "reply": f"{value}: {-3 + margin:.2f}; Foil: -3.00",
            }  # fmt: skip
            if verifies:
                yield from self._verdicts(base, target, value, margin)
        yield base | {
            "probe": "generation", "target": "learn", "arm": "control", "template": "question_v1", "correct": True,
            "answer": "Known Works", "prompt": "Who employs Old Hand?", "reply": "Known Works",
        }  # fmt: skip

    def _verdicts(self, base, target: str, value: str, margin: float):
        for polarity in ("correct", "incorrect"):
            shown = base | {"probe": "verification", "target": target, "polarity": polarity, "template": "critic_v1"}
            right = margin > (0.3 if polarity == "correct" else -0.3)
            said = "True" if right == (polarity == "correct") else "False"
            yield shown | {"correct": right, "answer": said, "prompt": f"{value}: {polarity}?", "reply": said}
            refused = self.liking["foil"] < 0.3
            yield shown | {
                "arm": "control", "foil_kind": "real", "correct": refused, "answer": "x", "prompt": "?", "reply": "x"
            }  # fmt: skip
