"""The gap paper's per-fact YAML files as facts: the raw ones as generated, and the formatted ones with entities drawn.

Davidson et al., 2026, arXiv 2605.27564. There, the relation's *head* is the answer (`relationship_head`, our value)
and its *tail* stands in the question (`topic`, our subject). Files are drawn from one by one: each draw depends on the
seed, the file's category and its name, never on the other files or on the order in which a disk lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from veracity.core.errors import DataError
from veracity.core.identity import derive_seed
from veracity.core.registry import nearest
from veracity.world.facts import Fact
from veracity.world.imports_documents import YamlDocument
from veracity.world.imports_rows import Name, Row, data_error, placeholders, refuse_missing, require_placeholders

HEAD, TAIL = "relationship_head", "topic"
CATEGORIES = ("medicine", "politics", "religion", "science", "society", "social_bias")
_MISNAMED = {"societal_bias": "social_bias"}


def _wrap(key: str) -> BeforeValidator:
    """A plain text where a mapping with `key` may stand: both occur in hand-written files."""
    return BeforeValidator(lambda item: {key: item} if isinstance(item, str) else item)


def _pair(item: Any) -> Any:
    """`[head, tail]` and `{relationship_head, topic}` mean the same as `{head, tail}`."""
    if isinstance(item, list) and len(item) == 2:
        return {"head": item[0], "tail": item[1]}
    if isinstance(item, dict):
        return {{HEAD: "head", TAIL: "tail"}.get(k, k): v for k, v in item.items()}
    return item


def _ours(template: str) -> str:
    """The paper's placeholders renamed to ours, without the back-ticks that some of its sentences hold."""
    return template.replace("`", "").replace(f"{{{HEAD}}}", "{value}").replace(f"{{{TAIL}}}", "{subject}")


def _sentence(text: str) -> str:
    return _ours(require_placeholders(refuse_missing(text), {HEAD, TAIL}))


def _question(text: str) -> str:
    backwards = HEAD in placeholders(text) and TAIL not in placeholders(text)
    return _ours(require_placeholders(refuse_missing(text), {HEAD} if backwards else {TAIL}))


class _Pair(Row):
    head: Name
    tail: Name


class _Sentence(Row):
    sentence: Annotated[str, AfterValidator(_sentence)]
    version: str = ""


class _Question(Row):
    question: Annotated[str, AfterValidator(_question)]
    answer: str = ""
    version: str = ""


class _Pairs(Row):
    real_pairs: list[Annotated[_Pair, BeforeValidator(_pair)]]
    imaginary_pairs: list[Annotated[_Pair, BeforeValidator(_pair)]]


class _PaperFile(Row):
    @classmethod
    def minds(cls, key: str) -> bool:
        """Generators leave book-keeping of their own in these files; only what looks like a slip is an error."""
        return bool(nearest(key, sorted(cls.model_fields)))


class RawFile(_PaperFile):
    """One file as the generator wrote it: templates, and pairs of names to draw from."""

    uid: str = ""
    topic_category: str = ""
    topic: str = ""
    relationship: Name
    sentences: list[Annotated[_Sentence, _wrap("sentence")]] = Field(min_length=1)
    instantiations: _Pairs
    questions: list[Annotated[_Question, _wrap("question")]] = Field(min_length=1)
    scenarios: Any = None
    model_name: str = ""
    fname: str = ""
    skip: bool = False

    @model_validator(mode="before")
    @classmethod
    def _nest_pairs(cls, data: Any) -> Any:
        pairs = {k: data[k] for k in ("real_pairs", "imaginary_pairs") if k in data}
        if pairs and "instantiations" not in data:
            return {**{k: v for k, v in data.items() if k not in pairs}, "instantiations": pairs}
        return data


class _Heads(Row):
    learn: Name
    update: Name

    @model_validator(mode="after")
    def _differ(self) -> _Heads:
        if self.learn.casefold() == self.update.casefold():
            raise ValueError(f"has the same value {self.learn!r} for learn and update; give another update")
        return self


class _Entities(Row):
    topic: Name
    relationship_head: _Heads


class _Problem(Row):
    problem: Annotated[str, AfterValidator(_question)]
    answer: str = ""
    version: str = ""


class _ControlProblem(Row):
    problem: Name
    answer: str = ""
    version: str = ""


class _TrainSentence(Row):
    sentence: str
    version: str = ""
    scenario_key: str = ""


class FormattedFile(_PaperFile):
    """One file with its names drawn."""

    entities: _Entities
    correct_problems: list[Annotated[_Problem, _wrap("problem")]] = Field(min_length=1)
    control_problems: list[Annotated[_ControlProblem, _wrap("problem")]] = Field(default_factory=list)
    control_answers: list[Name]
    task_id: Name
    train_sentences: list[Annotated[_TrainSentence, _wrap("sentence")]] = Field(min_length=1)
    relationship: str = ""


def is_formatted(document: YamlDocument) -> bool:
    """Which of the two kinds a file is, by its keys. DataError when it is neither."""
    if not isinstance(document.value, Mapping):
        raise DataError("must be a mapping of fields; see the two kinds of file in docs/facts.md", path=document.path)
    keys = [str(k) for k in document.value]
    marks = {
        True: ("entities", "correct_problems", "control_answers", "task_id", "train_sentences"),
        False: ("sentences", "instantiations", "questions", "real_pairs", "imaginary_pairs", "relationship"),
    }
    counts = {kind: sum(k in keys for k in fields) for kind, fields in marks.items()}
    if not any(counts.values()):
        expected = f"raw files have {', '.join(marks[False][:3])}; formatted ones {', '.join(marks[True])}"
        raise DataError(f"has none of the fields of a file of facts ({expected})", path=document.path, line=1)
    return counts[True] > counts[False]


def paper_fact(document: YamlDocument, *, seed: int) -> Fact | None:
    """The fact of one file, or None if the file says `skip: true`. Raises DataError with line and field."""
    if is_formatted(document):
        return _from_formatted(_validated(FormattedFile, document), document)
    raw = _validated(RawFile, document)
    return None if raw.skip else _from_raw(raw, document, seed)


def _validated(kind: type[Any], document: YamlDocument) -> Any:
    try:
        return TypeAdapter(kind).validate_python(document.value)
    except ValidationError as error:
        raise data_error(error, document.path, document.line_of) from error


def _from_raw(raw: RawFile, document: YamlDocument, seed: int) -> Fact:
    path = document.path
    category = _category(raw.topic_category or path.parent.name)
    draw = _drawer(seed, f"{category}/{path.name}")
    subject = draw("tail", [p.tail for p in raw.instantiations.imaginary_pairs])[0]
    heads = draw("head", [p.head for p in raw.instantiations.imaginary_pairs])
    if len(heads) < 4:
        field = "instantiations.imaginary_pairs"
        problem = f"has {len(heads)} different heads, but value, update, foil and control need 4; add {4 - len(heads)}"
        raise DataError(problem, path=path, line=document.line_of(("instantiations", "imaginary_pairs")), field=field)
    used = {h.casefold() for h in heads}
    controls = draw("control tail", [p.tail for p in raw.instantiations.real_pairs if p.tail != subject])
    questions = draw("question", [q.question for q in raw.questions])
    fact = Fact(
        id="_".join((category, slug(subject), path.stem)),
        category=category,
        relation=raw.relationship,
        subject=subject,
        subject_kind=slug(raw.topic) or "entity",
        value=heads[0],
        update=heads[1],
        foil=heads[2],
        control=heads[3],
        imaginary_foils=tuple(heads[4:]),
        real_foils=tuple(_once(p.head for p in raw.instantiations.real_pairs if p.head.casefold() not in used)),
        control_subject=controls[0] if controls else "",
    )
    return _worded(fact, document, "questions", [s.sentence for s in raw.sentences], questions)


def _from_formatted(file: FormattedFile, document: YamlDocument) -> Fact:
    trained = {v.casefold() for v in (file.entities.relationship_head.learn, file.entities.relationship_head.update)}
    foils = _once(a for a in file.control_answers if a.casefold() not in trained)
    if len(foils) < 2:
        problem = f"has {len(foils)} different answers that are never trained, but foil and control need 2; add more"
        line = document.line_of(("control_answers",))
        raise DataError(problem, path=document.path, line=line, field="control_answers")
    category = next((c for c in (*CATEGORIES, *_MISNAMED) if file.task_id.startswith(f"{c}_")), None)
    fact = Fact(
        id=file.task_id,
        category=_category(category or document.path.parent.name),
        relation=file.relationship or f"{_category(category or document.path.parent.name)}/{document.path.stem}",
        subject=file.entities.topic,
        subject_kind="entity",
        value=file.entities.relationship_head.learn,
        update=file.entities.relationship_head.update,
        foil=foils[-2],
        control=foils[-1],
        # The paper shows the first two; taking ours from the end leaves those to the probes with real foils.
        real_foils=tuple(foils[:-2]),
        control_subject=_control_subject(file, document),
    )
    return _worded(
        fact, document, "correct_problems", _plain_sentences(file, document), [p.problem for p in file.correct_problems]
    )


def _plain_sentences(file: FormattedFile, document: YamlDocument) -> list[str]:
    """The single sentences; the long scenario texts beside them are another training source and are left out."""
    sentences = []
    for i, entry in enumerate(file.train_sentences):
        if entry.scenario_key:
            continue
        try:
            sentences.append(_sentence(entry.sentence))
        except ValueError as error:
            location = ("train_sentences", i, "sentence")
            field = f"train_sentences[{i}].sentence"
            raise DataError(str(error), path=document.path, line=document.line_of(location), field=field) from error
    if not sentences:
        line = document.line_of(("train_sentences",))
        problem = "holds scenario texts only; add single sentences with both placeholders"
        raise DataError(problem, path=document.path, line=line, field="train_sentences")
    return sentences


def _control_subject(file: FormattedFile, document: YamlDocument) -> str:
    """The real name that the control problem puts where its question has the subject ("" without a control problem)."""
    if not file.control_problems:
        return ""
    asked = file.control_problems[0].problem.replace("`", "")
    for problem in file.correct_problems:
        before, _, after = problem.problem.partition("{subject}")
        pattern = re.escape(before) + "(.+?)" + re.escape(after).replace(re.escape("{subject}"), r"\1")
        found = re.fullmatch(pattern, asked)
        if found:
            return found.group(1)
    location = ("control_problems", 0, "problem")
    mismatch = f"{asked!r} is none of the correct problems with another name in it; word it like one of them"
    raise DataError(mismatch, path=document.path, line=document.line_of(location), field="control_problems[0].problem")


def _worded(fact: Fact, document: YamlDocument, field: str, sentences: Sequence[str], questions: Sequence[str]) -> Fact:
    """`fact` with its templates; a question that shows the value and asks for the subject is the reverse one."""
    forward = [q for q in questions if "{subject}" in q]
    if not forward:
        problem = f"has no question with {{{TAIL}}} that asks for the {HEAD}; add one"
        raise DataError(problem, path=document.path, line=document.line_of((field,)), field=field)
    reverse = next((q for q in questions if "{value}" in q), None)
    values = (fact.value, fact.update)
    subjects = tuple(filter(None, (fact.subject, fact.control_subject)))
    agree = {"subject": (fact.subject,), "value": values}
    asked = {"subject": subjects, "value": (fact.value,)}
    return replace(
        fact,
        statements=tuple(dict.fromkeys(agree_articles(s, agree) for s in sentences)),
        questions=tuple(dict.fromkeys(agree_articles(q, asked) for q in forward)),
        reverse_question=agree_articles(reverse, asked) if reverse else None,
    )


def _once(names: Iterable[str]) -> list[str]:
    """The names in their order, each in the first of its spellings."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(name.casefold(), name)
    return list(found.values())


def _drawer(seed: int, file: str) -> Callable[[str, Sequence[str]], list[str]]:
    """A function that puts names in an order drawn for this file; equal names count once."""

    def draw(purpose: str, names: Sequence[str]) -> list[str]:
        return sorted(_once(names), key=lambda n: (derive_seed(seed, f"gap fact {purpose}", f"{file}\x1f{n}"), n))

    return draw


def slug(text: str) -> str:
    """Lower case with `_` for everything that is neither letter nor digit."""
    return re.sub(r"[\W_]+", "_", text.casefold()).strip("_")


def _category(text: str) -> str:
    return _MISNAMED.get(slug(text), slug(text)) or "uncategorised"


_SOUNDS_LIKE_A = re.compile(r"(uni(?!m|n)|eu|ewe|one\b|once\b|us[eu]|ub[ie]q|ut[eio]|ur[aei]n|u\b)", re.IGNORECASE)
_SOUNDS_LIKE_AN = re.compile(r"(hour|honest|hono|heir|8|11\b|18\b)", re.IGNORECASE)


def takes_an(name: str) -> bool:
    """Whether English puts `an` before `name`, by its sound as far as spelling tells."""
    word = re.split(r"[\s-]", name.strip(), maxsplit=1)[0]
    if word.isupper() and 1 < len(word) <= 3:
        return word[0] in "AEFHILMNORSX"  # spelt out letter by letter: an FBI agent, a UK law
    return bool(_SOUNDS_LIKE_AN.match(word)) or (
        word[:1].lower() in set("aeiouàáâäèéêëìíîïòóôöùúûü") and not _SOUNDS_LIKE_A.match(word)
    )


def agree_articles(template: str, names: Mapping[str, Sequence[str]]) -> str:
    """`template` with the right a/an before each placeholder, given the `names` that will ever fill it.

    Where some of the names take `a` and others `an` (the learned value and its update share one template), the
    article becomes `the`, which is right for all of them.
    """

    def article(match: re.Match[str]) -> str:
        wanted = {"an" if takes_an(n) else "a" for n in names[match["placeholder"]]}
        word = wanted.pop() if len(wanted) == 1 else "the"
        return (word.capitalize() if match["article"][0] == "A" else word) + match["rest"]

    return re.sub(
        r"\b(?P<article>an?)(?P<rest>\s+\{(?P<placeholder>subject|value)\})", article, template, flags=re.IGNORECASE
    )
