"""A factuality run in a few sentences with numbers: right and declined by arm, confidence, claims, win rates."""

from __future__ import annotations

from veracity.metrics.factuality_scores import arms_of
from veracity.metrics.wording import percent
from veracity.report.factuality_contents import FactualityContents

NEVER = 0.005
"""Share of declined answers up to which there is nothing to say of declining."""


def headline(contents: FactualityContents) -> str:
    """What a reader should take away; empty for a run without answers of either form."""
    return " ".join(part for part in (_short(contents), _sure(contents), _long(contents), _wins(contents)) if part)


def _short(contents: FactualityContents) -> str:
    if contents.answers is None:
        return ""
    told = [_arm(contents, arm, first=place == 0) for place, arm in enumerate(contents.arms)]
    items, ungraded = contents.answers["item"].n_unique(), contents.answers["grade"].null_count()
    said = f"Of {items:,} questions, {'; '.join(told)}."
    if not ungraded:
        return said
    return f"{said} {ungraded:,} of {contents.answers.height:,} answers have no grade and are in no share."


def _arm(contents: FactualityContents, arm: str, *, first: bool) -> str:
    measures = ("correct", "not_attempted", "correct_given_attempted")
    right, declined, of_attempted = (contents.estimates[f"answers, {arm}: {measure}"] for measure in measures)
    who = "without a system prompt" if arm == "none" else f"under the prompt “{arm}”"
    if not right.n:
        return f"{who} none of the answers could be graded"
    it = "the model" if first else "it"
    said = f"{who} {it} answers {percent(right)} right"
    if declined.value <= NEVER:
        return said
    if not of_attempted.n:
        return f"{said} and declines {percent(declined)}"
    return f"{said}, declines {percent(declined)}, and is right on {percent(of_attempted)} of what it attempts"


def _sure(contents: FactualityContents) -> str:
    if not contents.methods:
        return ""
    arm, method = contents.methods[0]
    area = contents.estimates.get(f"confidence, {arm}, {method}: auroc")
    if area is None:
        return ""
    return (
        f"Its confidence ({method.replace('_', ' ')}) puts right answers above wrong ones with an AUROC of {area:.2f}."
    )


def _long(contents: FactualityContents) -> str:
    if contents.responses is None or contents.claims is None:
        return ""
    arm = contents.responses["arm"][0]
    measured = contents.estimates.get(f"claims, {arm}: precision of all claims")
    own = contents.responses.filter(contents.responses["arm"] == arm).height
    if measured is None or not measured.n:
        return f"Its {own:,} long answers make no claim that could be judged."
    corrected = contents.corrected_precision(arm)
    after = "" if corrected is None else f" ({percent(corrected)} corrected for the verifier's errors)"
    return f"Of the claims in its {own:,} long answers {percent(measured)} are supported{after}."


def _wins(contents: FactualityContents) -> str:
    if contents.pairs is None:
        return ""
    arms, against = arms_of(contents.pairs), contents.pairs["against"][0]
    rates = {arm: contents.estimates[f"pairs, {arm}: win_rate"] for arm in arms}
    told = [f"“{arm}” win {percent(rate)}" for arm, rate in rates.items() if rate.n]
    if not told:
        return f"Which long answers are better than those of “{against}” could not be judged."
    doubt = "" if contents.trusts_win_rates else ", by a judge that was not seen to judge well enough"
    return f"Against the long answers of “{against}” those of {', of '.join(told)} of pairs{doubt}."
