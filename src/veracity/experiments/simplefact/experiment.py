"""SimpleFact: reward facts where somebody of a group is right, caution where nobody is, and look what moves.

1. **Start.** The model is taught to decline now and then, so that groups hold both attempts and abstentions.
2. **Filter.** Every question is sampled 16 times; those just hard enough are kept, and some that are never right.
3. **Train.** GRPO from the same start under `fact`, `caution`, `both`, and `sequential`: facts, then caution.
4. **Prove.** Questions about entities that no training saw, greedy and sampled, under prompts from bold to careful:
   what prompting alone reaches is the frontier that a training has to leave behind.

The method is known from its authors' project notes alone: Qwen2.5, questions of SimpleQA, PopQA, SelfAware, TriviaQA.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.experiments.desk import Desk, Policy, open_desk, policy_of, start_folder
from veracity.experiments.evaluation import EvaluationSettings, evaluate_short
from veracity.experiments.registry import experiment
from veracity.experiments.sampling import Ask
from veracity.experiments.simplefact.data import questions_for, source_of
from veracity.experiments.simplefact.outcome import conclude
from veracity.experiments.simplefact.plan import simplefact_outlook, simplefact_rehearsal
from veracity.experiments.simplefact.settings import QuestionSettings, SimpleFactSettings
from veracity.experiments.simplefact.training import Snapshot, judging, sampling, train_all

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from veracity.store.run import Run


@experiment("simplefact", SimpleFactSettings, outlook=simplefact_outlook, rehearsal=simplefact_rehearsal)
def run_simplefact(settings: SimpleFactSettings, run: Run, console: Console) -> None:
    """Reward facts and caution by group (GRPO), and measure against what prompting alone reaches."""
    started = time.monotonic()
    problems = questions_for(settings, "proof")
    base = policy_of(start_folder(settings.model))
    with open_desk(run, settings.roles, console) as desk:
        desk.store("problems", problems, lambda: problem_rows(problems, settings))
        models = [Snapshot("base", None, 0, base)]
        for seed in settings.seeds:
            models += train_all(desk, settings, base, seed)
        desk.store("steps", [m.policy.key for m in models], lambda: step_rows(models))
        prove(desk, settings, problems, models)
        conclude(desk, settings, models, time.monotonic() - started)


def prove(desk: Desk, settings: SimpleFactSettings, problems: tuple[Problem, ...], models: list[Snapshot]) -> None:
    """Stages `greedy.answers`, all models under all prompts, and `drawn.answers`, the trained ones under their own."""
    how = EvaluationSettings(judging=judging(settings), confidence=None)
    prompts, own = settings.proof.prompts, settings.questions.system
    greedy = [_ask(settings, model, prompt, 1, 0.0) for model in models if model.last for prompt in prompts]
    drawn = [
        _ask(settings, model, prompt, settings.proof.samples, 1.0)
        for model in models
        for prompt in (prompts if model.system == "base" else (own,))
    ]
    evaluate_short(desk, "greedy", how, problems, greedy)
    evaluate_short(desk, "drawn", how, problems, drawn)


def problem_rows(problems: tuple[Problem, ...], settings: SimpleFactSettings) -> pl.DataFrame:
    """What the proof asks: item, cluster, source, kind (known, unknown, between), exposure if known, question, gold."""
    import polars as pl

    rows = [
        {
            "item": p.id,
            "cluster": p.cluster or p.id,
            "source": source_of(p, settings.questions),
            "kind": kind_of(p, settings.questions),
            "exposure": level if isinstance(level := p.detail("exposure"), float | int) else None,
            "question": p.question,
            "gold": p.gold,
        }
        for p in problems
    ]
    texts = dict.fromkeys(("item", "cluster", "source", "kind", "question", "gold"), pl.String)
    return pl.DataFrame(rows, schema_overrides=texts | {"exposure": pl.Float64})


def kind_of(problem: Problem, asked: QuestionSettings) -> str:
    """What a model can know of a question: by its source, or because it is marked as one without an answer."""
    source = source_of(problem, asked)
    if problem.detail("answerable") is False:
        return "unknown"
    return "unknown" if source in asked.unknown else "known" if source in asked.known else "between"


def step_rows(models: list[Snapshot]) -> pl.DataFrame:
    """One row a step of every training by a reward, as `rl_log` tells it, steps counted over all its stretches."""
    import polars as pl

    from veracity.training.lineage import LOG_FILE
    from veracity.training.rl_log import rl_steps
    from veracity.training.watch import log_from_json

    rows, done = [], 0
    for model in models:
        if model.system in ("base", "start"):
            continue
        log = log_from_json((Path(model.policy.model) / LOG_FILE).read_text("utf-8"))
        own = [asdict(step) for step in rl_steps(log)]
        rows += [{"system": model.system, "seed": model.seed, **one, "step": one["step"] + done} for one in own]
        done = 0 if model.last else model.step
    return pl.DataFrame(rows, infer_schema_length=None)


def arm_of(model: Snapshot, prompt: str) -> str:
    """`both/none#2` for a finished training of seed 2, `both@20/none#2` on the way there, `base/careful`."""
    way = "" if model.last else f"@{model.step}"
    seed = "" if model.seed is None else f"#{model.seed}"
    return f"{model.system}{way}/{prompt}{seed}"


def _ask(settings: SimpleFactSettings, model: Snapshot, prompt: str, n: int, temperature: float) -> Ask:
    policy: Policy = model.policy
    seed = derive_seed(model.seed or 0, "proof", prompt)
    return Ask(arm_of(model, prompt), policy, sampling(settings, prompt, n, temperature), seed)
