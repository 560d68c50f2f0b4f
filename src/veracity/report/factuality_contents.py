"""What a factuality run holds, read once for the page and the terminal, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.checks import Check
from veracity.metrics.factuality_scores import PAIRWISE, arms_of, asked_confidences, of_arm
from veracity.metrics.judge_card import JudgeCard, corrected_share, judge_cards
from veracity.metrics.laboratory_checks import agreement_check, monotone_check, recognition_check
from veracity.metrics.win_rate import judge_may_be_used
from veracity.report.stored import stored_run

OWN_CLAIMS = "verifier, on this run's claims"
"""The judge of the rows in which the run's own claims stand beside the truth."""


@dataclass(frozen=True)
class FactualityContents:
    """A factuality run, ready to be reported."""

    name: str
    tables: Mapping[str, pl.DataFrame]
    estimates: Mapping[str, Estimate]
    manifest: Mapping[str, Any]
    """Empty while the run is not finished."""

    @property
    def answers(self) -> pl.DataFrame | None:
        """The greedy short answers; None where the run has none."""
        return self._rows("answers")

    @property
    def responses(self) -> pl.DataFrame | None:
        """The long answers; None where the run has none."""
        return self._rows("responses")

    @property
    def claims(self) -> pl.DataFrame | None:
        """Their judged claims."""
        return self._rows("claims")

    @property
    def pairs(self) -> pl.DataFrame | None:
        """Long answers beside those of the reference arm, and which of the two is better."""
        return self._rows("pairs")

    @property
    def confidence(self) -> pl.DataFrame | None:
        """How sure the model was of its short answers, by method."""
        return self._rows("confidence")

    @cached_property
    def arms(self) -> list[str]:
        """Of the short form."""
        return [] if self.answers is None else arms_of(self.answers)

    @cached_property
    def methods(self) -> list[tuple[str, str]]:
        """(arm, method) of every confidence."""
        return [] if self.confidence is None else asked_confidences(self.confidence)

    @cached_property
    def cards(self) -> list[JudgeCard]:
        """The judges' cards; empty without judgements."""
        rows = self._rows("judgements")
        return [] if rows is None else judge_cards(rows)

    @property
    def verifier_card(self) -> JudgeCard | None:
        """The verifier's on the items made for it."""
        return self._card("verifier")

    @property
    def pairwise_card(self) -> JudgeCard | None:
        """That of who compares two answers."""
        return self._card(PAIRWISE)

    @property
    def trusts_win_rates(self) -> bool:
        """Whether who compares two answers was seen to agree with the truth often enough, on enough pairs."""
        card = self.pairwise_card
        return card is not None and judge_may_be_used(card.agreement)

    def corrected_precision(self, arm: str) -> Estimate | None:
        """Precision of all claims of an arm, corrected for its verifier's errors; None where that cannot be told."""
        measured, card = self.estimates.get(f"claims, {arm}: precision of all claims"), self.verifier_card
        if measured is None or card is None:
            return None
        return corrected_share(measured, card.sensitivity, card.specificity)

    @cached_property
    def exposure(self) -> dict[str, dict[str, float]]:
        """Form → item → exposure of its subject, in the embedded world."""
        rows = self.tables["problems"].filter(pl.col("exposure").is_not_null()) if "problems" in self.tables else None
        if rows is None:
            return {"short": {}, "long": {}}
        return {
            form: dict(rows.filter(pl.col("form") == form).select("item", "exposure").iter_rows())
            for form in ("short", "long")
        }

    @cached_property
    def checks(self) -> list[Check]:
        """The three checks of the laboratory; empty for a run that is not about the embedded world."""
        found = []
        judgements = self._rows("judgements")
        if self.claims is not None and self.exposure["long"]:
            if judgements is not None:
                found.append(agreement_check(judgements.filter(pl.col("judge") == OWN_CLAIMS)))
            found.append(monotone_check(self.claims, self.exposure["long"]))
        if self.methods and self.answers is not None and self.confidence is not None and self.exposure["short"]:
            arm, method = self.methods[0]
            asked = self.confidence.filter((pl.col("method") == method) & pl.col("score").is_not_null())
            scores = of_arm(asked, arm).join(
                self.answers.select("item", "arm", "sample", "cluster"), on=["item", "arm", "sample"]
            )
            found.append(recognition_check(scores, self.exposure["short"], f"{method}, arm {arm}"))
        return found

    @cached_property
    def failures(self) -> Mapping[str, Estimate]:
        """Share of rows that each judge failed on."""
        start = "failures of the "
        return {name.removeprefix(start): value for name, value in self.estimates.items() if name.startswith(start)}

    def _card(self, judge: str) -> JudgeCard | None:
        return next((card for card in self.cards if card.judge == judge), None)

    def _rows(self, name: str) -> pl.DataFrame | None:
        table = self.tables.get(name)
        return None if table is None or not table.height else table


def read_factuality(run_folder: Path) -> FactualityContents:
    """Read a run folder, finished or not. Raises StoreError if it does not exist or a table is damaged."""
    folder = stored_run(run_folder)
    tables = {name: folder.read_table(name) for name in folder.tables() if not name.startswith("failures.")}
    return FactualityContents(run_folder.resolve().name, tables, folder.estimates(), folder.manifest() or {})
