"""What the base model knows of each prompt, as `klcf` lists it, and how good the verifier of the lists is.

samples → judged → checklists.<k>      supported claims of k samples, with their importance m(c)/k
                 → checks              synthesized pairs of item and response, as labelled by the verifier
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from veracity.core.errors import DataError
from veracity.core.judged import Group
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Program
from veracity.experiments.desk import Works
from veracity.experiments.klcf.settings import ChecklistSettings
from veracity.judging.checklist import (
    CHECKLIST_VERIFIERS,
    Checklist,
    CheckSettings,
    Covering,
    build_checklist,
    statement_key,
)
from veracity.judging.checklist.building import ClaimKey
from veracity.judging.checklist.examples import (
    CheckExample,
    check_examples,
    find_stated,
    paraphrase_by_templates,
    states_by_templates,
)
from veracity.judging.checklist.swapping import names_in
from veracity.judging.claims.merging import normalised
from veracity.world.language import Language

if TYPE_CHECKING:
    import polars as pl


def refuse_unjudged(judged: pl.DataFrame, most: float) -> None:
    """Raises DataError where too many claims of the samples have no verdict, or too many samples no claims."""
    listed = judged["claims"].drop_nulls()
    unread = judged.height - len(listed)
    labels = [claim["label"] for claims in listed for claim in claims]
    lost = sum(label is None for label in labels)
    if unread > most * judged.height or lost > most * max(1, len(labels)):
        raise DataError(
            f"{lost} of {len(labels)} claims have no verdict and {unread} of {judged.height} samples could not be "
            f"taken apart, more than most_unjudged={most:g} allows: the lists would have holes; "
            "look at the judge's failures in tables/failures, then run again (what was judged is kept)",
            path="judged samples",
        )


def checklists(settings: ChecklistSettings, groups: Sequence[Group], k: int) -> list[Checklist]:
    """One list a group, from its first `k` samples."""
    key = claim_key(settings)
    how = {"least_importance": settings.least_importance, "most_items": settings.most_items}
    return [build_checklist(g.problem.id, g.responses[:k], key=key, **how) for g in groups]  # type: ignore[arg-type]


def claim_key(settings: ChecklistSettings) -> ClaimKey:
    """Which claims are one fact."""
    return statement_key(Language.make()) if settings.merging == "world" else normalised


def checklist_rows(lists: Sequence[Checklist]) -> pl.DataFrame:
    """One row an item: item (of the problem), place, text, samples that make it, of how many, importance."""
    import polars as pl

    rows = [
        (one.problem, n, item.text, item.samples, item.of, item.importance)
        for one in lists
        for n, item in enumerate(one.items)
    ]
    columns = {"item": pl.String, "place": pl.Int64, "text": pl.String, "samples": pl.Int64, "of": pl.Int64}
    return pl.DataFrame(rows, schema={**columns, "importance": pl.Float64}, orient="row")


def texts_of(lists: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Problem → wordings of its list; problems with an empty list are not in it."""
    found: dict[str, list[str]] = {}
    for item, text in lists.sort("item", "place").select("item", "text").iter_rows():
        found.setdefault(item, []).append(text)
    return {item: tuple(texts) for item, texts in found.items()}


def with_checklists(
    problems: Sequence[Problem], lists: Mapping[str, Sequence[str]], settings: ChecklistSettings
) -> list[Problem]:
    """The prompts to train on. DataError where none has a list."""
    listed = [p for p in problems if lists.get(p.id)]
    if not listed:
        raise DataError(
            f"none of {len(problems)} prompts has a fact on its list: of no sample was a claim supported; check that "
            "the corpus is about them, ask for more samples, or lower checklist.least_importance",
            path="checklists",
        )
    return listed if settings.empty == "drop" else list(problems)


def check_verifier(
    works: Works, stage: str, settings: ChecklistSettings, groups: Sequence[Group], lists: pl.DataFrame, seed: int
) -> pl.DataFrame:
    """Synthesized pairs of item and response with their label and the one given: item, text, label, given, cluster.

    In the laboratory templates find and rewrite what a sentence states; elsewhere an item is found by its own words,
    and stands unchanged.
    """
    import polars as pl

    examples = _examples(settings, groups, texts_of(lists), seed)
    verify, how = CHECKLIST_VERIFIERS.get(settings.verifier), check_settings(settings)
    programs: dict[str, Program[Covering]] = {str(n): verify([e.item], e.response, how) for n, e in enumerate(examples)}
    given = [None if isinstance(r, Failure) else r[0] for r in works.run(stage, programs).values()]
    rows = [(e.item, e.response, e.label, g, e.cluster) for e, g in zip(examples, given, strict=True)]
    columns = ("text", "response", "label", "given", "cluster")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def check_settings(settings: ChecklistSettings) -> CheckSettings:
    """How the checklist verifier asks."""
    return CheckSettings(role=settings.role, threshold=settings.threshold, window=settings.window)


EXAMPLES = 150
"""Stated items that pairs are made of, at most: three pairs each."""


def _examples(
    settings: ChecklistSettings, groups: Sequence[Group], lists: Mapping[str, Sequence[str]], seed: int
) -> list[CheckExample]:
    language = Language.make() if settings.merging == "world" else None
    states = states_by_templates(language) if language else _in_words
    stated = [
        one
        for group in groups
        for response in group.responses[:1]
        for one in find_stated(
            lists.get(group.problem.id, ()),
            response.text,
            states,
            about=group.problem.question,
            cluster=group.problem.cluster or group.problem.id,
        )
    ]
    names = names_in([r.text for g in groups for r in g.responses])
    rewrite = paraphrase_by_templates(language) if language else None
    return check_examples(stated[:EXAMPLES], names=names, seed=seed, paraphrase=rewrite)


def _in_words(sentence: str, item: str) -> bool:
    return normalised(item) in normalised(sentence)
