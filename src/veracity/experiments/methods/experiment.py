"""Many ways of training a model to be truthful, side by side: same world, same prompts, same judge, one table.

1. **Material.** The base model answers every training prompt several times; judges grade short answers and verify the
   claims of texts. All methods that learn from samples share these.
2. **Training.** One model a method, each from the base model or from another method's model: SFT on lessons, DPO on
   preferences, KTO on labels, GRPO or RLOO on rewards, examples, or nothing but another way of asking.
3. **Evaluation.** Entities that no training saw, in short and in long form for every method, by look-up where the
   truth is known, never by what gave the reward; what each method cost stands beside it.

A method is an entry of the recipe; your own is one more.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from veracity.core.identity import derive_seed
from veracity.experiments.desk import Desk, open_desk, policy_of, start_folder
from veracity.experiments.evaluation import LongTables, evaluate_long, evaluate_short
from veracity.experiments.methods.material import Material, gather_prompts
from veracity.experiments.methods.outcome import conclude
from veracity.experiments.methods.plan import methods_outlook, methods_rehearsal
from veracity.experiments.methods.settings import BASE, Asked, MethodsSettings
from veracity.experiments.methods.training import Trained, train_method
from veracity.experiments.registry import experiment
from veracity.experiments.sampling import Ask, SamplingSettings

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from veracity.store.run import Run

GREEDY: dict[str, Any] = {"n": 1, "temperature": 0.0}


@experiment("truthful-training", MethodsSettings, outlook=methods_outlook, rehearsal=methods_rehearsal)
def run_methods(settings: MethodsSettings, run: Run, console: Console) -> None:
    """Train a model to be truthful in many ways, and put all of them into one table."""
    started, prompts = time.monotonic(), gather_prompts(settings)
    with open_desk(run, settings.roles, console) as desk:
        base = policy_of(start_folder(settings.model))
        material = Material(desk, settings, prompts, base)
        models = train_all(material)
        evaluate(material, models)
        conclude(desk, settings, models, time.monotonic() - started)


def train_all(material: Material) -> dict[str, Trained]:
    """The base model and every method's, in the order of the recipe; those that are there are not trained again."""
    models = {BASE: Trained(BASE, material.base)}
    for place, (name, method) in enumerate(material.settings.methods.items()):
        material.desk.say(f"{name} ({place + 1} of {len(material.settings.methods)})")
        models[name] = train_method(material, name, method, models[method.start])
    return models


def evaluate(material: Material, models: dict[str, Trained]) -> None:
    """Stages `greedy.…`, `drawn.…`, `known.…` of short answers, `test.…` and `pairs` of texts; an arm a method."""
    desk, settings, test = material.desk, material.settings, material.prompts.test
    table = settings.table
    short, long = (table.evaluation(form, settings.questions) for form in ("short", "long"))
    evaluate_short(desk, "greedy", short, test["short"], [_ask(material, m, "short", GREEDY) for m in models.values()])
    drawn = {"n": table.drawn}
    evaluate_short(desk, "drawn", short, test["short"], [_ask(material, m, "short", drawn) for m in models.values()])
    known = Ask(BASE, material.base, material.sampling("short", n=table.known_by), derive_seed(settings.seed, "known"))
    evaluate_short(desk, "known", short, test["short"], [known])
    texts = {"n": table.texts}
    asks = [_ask(material, m, "long", GREEDY if _greedy(settings, m) else texts) for m in models.values()]
    tables = evaluate_long(desk, "test", long, test["long"], asks)
    inputs = [desk.keys["test.claims"], table.against, table.pairwise, desk.identity("judge")]
    desk.store("pairs", inputs, lambda: pairs(desk, material, tables))


def pairs(desk: Desk, material: Material, tables: LongTables) -> pl.DataFrame:
    """Every method's texts against those of one method, by the declared judge."""
    import polars as pl

    from veracity.experiments.factuality.pairs import judged_pairs
    from veracity.metrics.method_table import truth_pairs

    against, how = material.settings.table.against, material.settings.table.pairwise
    if how == "truths":
        return truth_pairs(tables.responses, tables.claims, against)
    said = tables.responses.rename({"response": "reply"})
    there = said.filter(pl.col("arm") == against).select("item", "sample")
    return judged_pairs(desk, material.prompts.test["long"], said.join(there, on=["item", "sample"]), against)


def _ask(material: Material, model: Trained, form: Any, update: dict[str, Any]) -> Ask:
    method = material.settings.methods.get(model.name)
    system = method.system if isinstance(method, Asked) else "none"
    how: SamplingSettings = material.sampling(form, system).model_copy(update=update)
    return Ask(model.name, model.policy, how, derive_seed(material.settings.seed, "test", form))


def _greedy(settings: MethodsSettings, model: Trained) -> bool:
    method = settings.methods.get(model.name)
    return isinstance(method, Asked) and method.greedy
