"""Factuality: what a model says in short and in long form, how sure it is, when it declines, and who says it is right.

1. **Short form.** Every question is asked greedily under each arm (a system prompt), and again several times with
   noise. Answers are graded by accepted answers, an abstention lexicon, and a judge model where these cannot tell.
2. **Confidence.** How sure the model is of its greedy answers, by several methods, beside whether these are right.
3. **Long form.** Each long answer is taken apart into claims; evidence for each is retrieved, and a verifier says
   whether it is supported. In the embedded world the truth is looked up beside it. Where that is wanted, a judge
   compares the answers of each arm with those of a reference arm, each pair in both orders.
4. **Judges.** Grader, abstention detector, extractor and verifier are themselves measured on items of the embedded
   world, whose right labels are known; a measured precision is also shown corrected for its verifier's errors.

Every stage is a table, and every number is computed from tables. A run whose judges fail on more than 2 % of rows is
stored and reported, and then ends with an error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from veracity.core.identity import content_hash
from veracity.experiments.factuality.asking import Asking, drawn_askings, greedy_askings, long_askings, replies
from veracity.experiments.factuality.bench import Bench, Worker, about_world, open_bench
from veracity.experiments.factuality.cards import judgements, searches
from veracity.experiments.factuality.long import extract, looked_up, verify
from veracity.experiments.factuality.outcome import conclude
from veracity.experiments.factuality.pairs import judged_pairs
from veracity.experiments.factuality.plan import plan_factuality, require_abilities
from veracity.experiments.factuality.settings import FactualitySettings, LongSettings, ShortSettings
from veracity.experiments.factuality.short import Answer, answer_rows, answers_in, confidences, grades, probabilities
from veracity.experiments.factuality.stages import Stages, asked_key
from veracity.experiments.registry import Prepared, experiment

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from veracity.store.run import Run


def prepare_factuality(settings: FactualitySettings) -> Prepared:
    """Open everything and say what the run would cost; nothing is asked yet."""
    bench = ready(settings)
    return Prepared(plan_factuality(bench), partial(measure, bench))


def ready(settings: FactualitySettings) -> Bench:
    """The bench, with every role played by somebody who can do what it will be asked."""
    bench = open_bench(settings)
    require_abilities(bench)
    return bench


@experiment("factuality", FactualitySettings, prepare=prepare_factuality)
def run_factuality(settings: FactualitySettings, run: Run, console: Console) -> None:
    """Measure how truthful a model is in short and long form, how sure it is, and how good its judges are."""
    measure(ready(settings), run, console)


def measure(bench: Bench, run: Run, console: Console) -> None:
    """All stages in order. UnreliableJudgeError at the end, where judges failed too often."""
    from veracity.engine.display import Display

    started = time.monotonic()
    with bench.ledger, asyncio.Runner() as runner, Display(console, bench.backends) as display:
        stages = Stages(run, Worker(bench, display, runner))
        stages.store("problems", content_hash([bench.short_problems, bench.long_problems]), lambda: problem_rows(bench))
        if bench.settings.short is not None:
            short_form(stages, bench.settings.short)
        if bench.settings.long is not None:
            long_form(stages, bench.settings.long)
        judge_cards(stages)
    conclude(stages, time.monotonic() - started)


def short_form(stages: Stages, settings: ShortSettings) -> None:
    """Stages `short_replies`, `confidence`, `answers`; and `drawn_replies`, `samples` where samples are wanted."""
    bench, worker, seed = stages.bench, stages.worker, stages.bench.settings.seed
    judge = [bench.identity("judge"), stages.prompts("grade.")]
    asked, answers = short_answers(stages, settings, "short_replies", greedy_askings(settings))
    how_sure = content_hash([asked, settings, seed, bench.identity("judge"), bench.identity("nli")])
    sure = stages.store("confidence", how_sure, lambda: confidences(worker, settings, answers, seed))
    chances = probabilities(sure, next(iter(settings.confidence), None))
    graded = content_hash([how_sure, *judge])
    stages.store("answers", graded, lambda: answer_rows(answers, grades(worker, "grading", answers), chances))
    if settings.samples:
        asked, more = short_answers(stages, settings, "drawn_replies", drawn_askings(settings, seed))
        graded = content_hash([asked, *judge])
        stages.store("samples", graded, lambda: answer_rows(more, grades(worker, "grading of samples", more), {}))


def short_answers(
    stages: Stages, settings: ShortSettings, table: str, askings: Sequence[Asking]
) -> tuple[str, list[Answer]]:
    """Ask every question in every way (stage `table`): the hash of what was asked, and the answers that came."""
    problems = stages.bench.short_problems
    key = asked_key(stages.bench, problems, askings)
    said = stages.store(table, key, lambda: replies(stages.worker, table.replace("_", " "), problems, askings))
    return key, answers_in(said, problems, settings)


def long_form(stages: Stages, settings: LongSettings) -> None:
    """Stages `long_replies`, `responses`, `extracted`, `claims`; and `pairs` where win rates are wanted."""
    bench, worker, problems = stages.bench, stages.worker, stages.bench.long_problems
    askings = long_askings(settings, bench.settings.seed)
    asked = asked_key(bench, problems, askings)
    said = stages.store("long_replies", asked, lambda: replies(worker, "long answers", problems, askings))
    listed = content_hash([asked, settings.extractor, bench.identity("extractor"), stages.prompts("claims.")])
    extraction = cache(lambda: extract(worker, settings, problems, said))
    stages.store("responses", listed, lambda: extraction().responses)
    claims = stages.store("extracted", listed, lambda: extraction().claims)
    judged = content_hash([listed, stages.verification_key(settings)])
    stages.store("claims", judged, lambda: verify(worker, settings, problems, claims))
    if (against := settings.win_rate_against) is not None:
        compared = content_hash([asked, against, bench.identity("judge"), stages.prompts("win_rate.")])
        stages.store("pairs", compared, lambda: judged_pairs(worker, problems, said, against))


def judge_cards(stages: Stages) -> None:
    """Stage `judgements`: every judge beside the truth, on items made for it and on the run's own claims.

    Stage `searches`, where the corpus is the world's: whether a claim's page is found without being told.
    """
    bench, worker, settings = stages.bench, stages.worker, stages.bench.settings
    own: Callable[[], list[dict[str, Any]]] = list
    if settings.long is not None and any(about_world(p) for p in bench.long_problems):
        claims = stages.tables["claims"]
        own = partial(looked_up, claims, bench.long_problems, worker.seconds.get("verification"))
    key = content_hash([stages.keys, settings.card_items, bench.identities])

    def compute() -> pl.DataFrame:
        from veracity.metrics.judge_card import JUDGEMENTS

        made = judgements(worker, settings.card_items, settings.long, short=settings.short is not None)
        return JUDGEMENTS.check(made.vstack(JUDGEMENTS.frame(own())))

    stages.store("judgements", key, compute)
    if settings.long is not None and settings.card_items and settings.corpus == "world":
        key = content_hash([bench.identity("corpus"), settings.card_items, settings.long.passages])
        stages.store("searches", key, partial(searches, worker, settings.card_items, settings.long.passages))


def problem_rows(bench: Bench) -> pl.DataFrame:
    """What was asked: item, form, cluster, domain, question, gold, and its subject's exposure where it is known."""
    import polars as pl

    rows = [
        {
            "item": p.id,
            "form": form,
            "cluster": p.cluster or p.id,
            "domain": p.domain,
            "question": p.question,
            "gold": p.gold,
            "exposure": level if isinstance(level := p.detail("exposure"), float | int) else None,
        }
        for form, problems in (("short", bench.short_problems), ("long", bench.long_problems))
        for p in problems
    ]
    texts = dict.fromkeys(("item", "form", "cluster", "domain", "question", "gold"), pl.String)
    return pl.DataFrame(rows, schema=texts | {"exposure": pl.Float64})
