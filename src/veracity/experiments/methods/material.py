"""What the methods of `truthful-training` learn from: one set of prompts, and the base model's samples of it, judged.

    prompts → samples.<form> → judged.<form> → general.<form>, confidence.<form>

Every table is made when the first method asks for it, and shared by all. Each method is told what it used, so that the
table of methods can say what each would have cost alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from veracity.core.identity import derive_seed
from veracity.core.judged import Group, JudgedResponse
from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Message, user
from veracity.domains import Split, open_domain
from veracity.experiments.desk import Desk, Policy
from veracity.experiments.facttune.experiment import gather_people
from veracity.experiments.facttune.scores import claim_confidences, confidence_key
from veracity.experiments.judged_samples import JudgingSettings, groups_of, judged_stage
from veracity.experiments.klcf.judge import GENERAL, plausibility
from veracity.experiments.methods.settings import Form, MethodsSettings
from veracity.experiments.sampling import Ask, SamplingSettings, samples_stage
from veracity.experiments.simplefact.data import evenly
from veracity.rewards import Needs, open_reward

if TYPE_CHECKING:
    import polars as pl

Used = dict[str, tuple[int, int]]
"""Stage → samples drawn in it, judgements made in it. A grade is one judgement; a text is taken apart (one), and each
of its claims verified (one each)."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """By form: what is trained on, and what is asked in the end. No entity is in both."""

    train: Mapping[Form, tuple[Problem, ...]]
    test: Mapping[Form, tuple[Problem, ...]]


def gather_prompts(settings: MethodsSettings) -> Prompts:
    """Prompts of all forms. ConfigError where a split has too few."""
    asked, table = settings.questions, settings.table
    pools = {split: _questions(settings, split) for split in dict.fromkeys(("train", table.split))}
    people = gather_people(settings.people.model_copy(update={"test_split": table.split}))
    return Prompts(
        train={
            "short": evenly(pools["train"], asked, settings.train_questions),
            "long": people.train,
            "reading": open_domain(settings.reading).problems(settings.train_reading, "train", settings.seed),
        },
        test={"short": evenly(pools[table.split], asked, table.questions), "long": people.test},
    )


def _questions(settings: MethodsSettings, split: Split) -> list[Problem]:
    """Those of all domains; with several of them, ids get the domain's name, as they are unique within one alone."""
    names = settings.questions.domains
    found = [p for name in names for p in open_domain(name).problems(None, split, settings.seed)]
    return found if len(names) == 1 else [replace(p, id=f"{p.domain}/{p.id}") for p in found]


@dataclass(frozen=True, slots=True)
class Material:
    """The base model's samples of the prompts, and what judges say of them."""

    desk: Desk
    settings: MethodsSettings
    prompts: Prompts
    base: Policy

    def sampling(self, form: Form, system: str = "none", n: int | None = None) -> SamplingSettings:
        """How a form is answered."""
        how = self.settings.samples
        tokens = how.long_tokens if form == "long" else how.short_tokens
        family = "plain" if form == "long" else self.settings.questions.family
        return SamplingSettings(
            n=n or how.n, temperature=how.temperature, max_tokens=tokens, system=system, family=family
        )

    def judging(self, form: Form) -> JudgingSettings:
        """How a form is judged before and while a model is trained."""
        if form == "long":
            return self.settings.judging
        return JudgingSettings(form="short", family=self.settings.questions.family)

    def messages(self, form: Form, problem: Problem) -> tuple[Message, ...]:
        """The conversation before an answer, without a system prompt."""
        prompt = Ask("", self.base, self.sampling(form)).request(problem).prompt
        return user(prompt) if isinstance(prompt, str) else tuple(prompt)

    def samples(self, form: Form, used: Used, system: str = "none") -> pl.DataFrame:
        """The base model's samples of a form."""
        name = _stage("samples", form, system)
        seed = derive_seed(self.settings.seed, "samples", name)
        ask = Ask("base", self.base, self.sampling(form, system), seed)
        table = samples_stage(self.desk, name, self.prompts.train[form], [ask])
        used.setdefault(name, (table.height, 0))
        return table

    def judged(self, form: Form, used: Used) -> pl.DataFrame:
        """The same, judged."""
        name, samples = _stage("judged", form), self.samples(form, used)
        made = _stage("samples", form)
        table = judged_stage(self.desk, name, self.judging(form), self.prompts.train[form], samples, made)
        used.setdefault(name, (0, judgements(groups_of(table, self.prompts.train[form]))))
        return table

    def groups(self, form: Form, needs: Collection[Needs], used: Used) -> list[Group]:
        """The judged samples, one group a prompt, with whatever else is read of them."""
        judged = self.judged(form, used)
        groups = groups_of(judged, self.prompts.train[form])
        if "general" in needs:
            groups = self._with_general(form, groups)
        return self._with_confidence(form, judged, groups, used) if "confidence" in needs else groups

    def scored(self, form: Form, score: str, used: Used) -> list[tuple[Group, list[float | None]]]:
        """Every group with one value of a reward for each of its responses."""
        reward = open_reward(score)
        return [(group, reward.of(group)) for group in self.groups(form, reward.needs, used)]

    def _with_general(self, form: Form, groups: Sequence[Group]) -> list[Group]:
        """With the base model's mean log-probability of each response."""
        import polars as pl

        name = _stage("general", form)

        def score() -> pl.DataFrame:
            self.desk.play_as(GENERAL, self.base)
            texts = {(g.problem.id, r.text): (g.problem, r.text) for g in groups for r in g.responses}
            programs = {f"{n}/{p.id}": plausibility(p, text) for n, (p, text) in enumerate(texts.values())}
            found = self.desk.run(name, programs).values()
            rows = [(*key, None if isinstance(one, Failure) else one) for key, one in zip(texts, found, strict=True)]
            columns = {"item": pl.String, "text": pl.String, "general": pl.Float64}
            return pl.DataFrame(rows, schema=columns, orient="row")

        table = self.desk.store(name, [self.desk.keys[_stage("judged", form)], self.base.key], score)
        known = {(item, text): value for item, text, value in table.iter_rows()}
        return [_replaced(g, [replace(r, general=known[g.problem.id, r.text]) for r in g.responses]) for g in groups]

    def _with_confidence(self, form: Form, judged: pl.DataFrame, groups: Sequence[Group], used: Used) -> list[Group]:
        """With how far the base model's own answers agree with each claim (FactTune-MC)."""
        name, how = _stage("confidence", form), self.settings.confidence
        people, seed = self.prompts.train[form], self.settings.seed
        roles = self.settings.roles
        oracle = self.desk.identity("oracle") if roles.oracle else self.base.key

        def ask() -> pl.DataFrame:
            if roles.oracle is None:
                self.desk.play_as("oracle", self.base)
            return claim_confidences(self.desk, name, how, judged, people, seed)

        inputs = [self.desk.keys[_stage("judged", form)], confidence_key(self.desk, how, oracle, seed)]
        table = self.desk.store(name, inputs, ask)
        questions = table.drop_nulls("question").select("item", "question").unique().height
        used.setdefault(name, (questions * how.samples, 0))
        rows = table.drop_nulls("claim").select("item", "response", "claim", how.measure).iter_rows()
        sure = {(item, response, claim): value for item, response, claim, value in rows}
        return [_replaced(g, [_sure(g.problem.id, r, sure) for r in g.responses]) for g in groups]


def judgements(groups: Sequence[Group]) -> int:
    """How often a judge was asked for these: once a short answer; once a text and once each of its claims."""
    return sum(1 + len(r.claims or ()) for g in groups for r in g.responses)


def _sure(item: str, response: JudgedResponse, sure: Mapping[tuple[str, str, str], float | None]) -> JudgedResponse:
    claims = tuple(replace(c, confidence=sure.get((item, response.text, c.text))) for c in response.claims or ())
    return response if response.claims is None else replace(response, claims=claims)


def _replaced(group: Group, responses: Sequence[JudgedResponse]) -> Group:
    return replace(group, responses=tuple(responses))


def _stage(what: str, form: Form, system: str = "none") -> str:
    return f"{what}.{form}" if system == "none" else f"{what}.{form}.{system}"
