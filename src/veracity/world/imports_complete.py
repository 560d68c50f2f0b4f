"""Rows become facts: worded by the templates file, with the values that they leave out drawn from their relation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from veracity.core.errors import DataError
from veracity.core.identity import derive_seed
from veracity.core.registry import nearest
from veracity.world.facts import Fact
from veracity.world.imports_documents import YamlDocument
from veracity.world.imports_rows import Name, Questions, ReverseQuestion, Row, Statements, data_error, refuse_repeats
from veracity.world.imports_table import Entry

DRAWN = ("update", "foil", "control")


class Wording(Row):
    """The templates of one relation in the templates file."""

    statements: Statements = ()
    questions: Questions = ()
    claims: Statements = ()
    denials: Statements = ()
    reverse_question: ReverseQuestion | None = None


def relation_wordings(document: YamlDocument) -> dict[str, Wording]:
    """Relation → templates of a templates file. Raises DataError with line and field."""
    try:
        return TypeAdapter(dict[Name, Wording]).validate_python(document.value)
    except ValidationError as error:
        raise data_error(error, document.path, document.line_of) from error


def table_facts(path: Path, entries: Sequence[Entry], wordings: Mapping[str, Wording], *, seed: int) -> list[Fact]:
    """The rows as facts: worded, with drawn values. Raises DataError for what contradicts itself or is too little."""
    refuse_repeats("id", ((e.row.fact_id, path, e.line) for e in entries))
    refuse_repeats("subject, relation", (((e.row.relation, e.row.subject), path, e.line) for e in entries))
    _refuse_trained_controls(path, entries)
    for entry in entries:
        _refuse_same_values(path, entry)
    drawn = _Draws(path, entries, seed).values()
    return [_fact(path, e, wordings, drawn[e.row.fact_id]) for e in entries]


def _refuse_trained_controls(path: Path, entries: Sequence[Entry]) -> None:
    trained = {e.row.subject.casefold(): e.line for e in entries}
    for entry in entries:
        control = (entry.row.control_subject or "").casefold()
        if control in trained:
            problem = f"is the subject of line {trained[control]}, but a control must not be trained; name another"
            raise DataError(problem, path=path, line=entry.line, field="control_subject")


def _refuse_same_values(path: Path, entry: Entry) -> None:
    """Every wrong option must be wrong: no role repeats the object, an alias or another role."""
    taken = dict.fromkeys(entry.row.answers, "the object or an alias of it")
    row = entry.row
    for role, value in (("update", row.update), ("foil", row.foil), ("control", row.control)):
        if value is None:
            continue
        if value.casefold() in taken:
            problem = f"is {value!r}, the same as {taken[value.casefold()]}; give another value or leave it out"
            raise DataError(problem, path=path, line=entry.line, field=role)
        taken[value.casefold()] = f"the {role}"
    trained = row.answers | {(row.update or row.object).casefold()}
    for field, foils in (("real_foils", row.real_foils), ("imaginary_foils", row.imaginary_foils)):
        wrong = next((f for f in foils if f.casefold() in trained), None)
        if wrong is not None:
            problem = f"holds {wrong!r}, which is trained with this subject; remove it"
            raise DataError(problem, path=path, line=entry.line, field=field)


class _Draws:
    """Draws each missing update, foil and control from the relation's other objects.

    First all updates, then the rest, each in the order of ids: a foil is then never the update of another fact of
    its subject, and the order of the file's rows changes nothing.
    """

    def __init__(self, path: Path, entries: Sequence[Entry], seed: int) -> None:
        self._path, self._seed = path, seed
        self._entries = sorted(entries, key=lambda e: e.row.fact_id)
        pools: dict[str, dict[str, str]] = defaultdict(dict)
        for value, relation in sorted((e.row.object, e.row.relation) for e in entries):
            pools[relation].setdefault(value.casefold(), value)
        self._pools = {relation: list(pool.items()) for relation, pool in pools.items()}
        self._trained: dict[str, set[str]] = defaultdict(set)
        self._foils: dict[str, set[str]] = defaultdict(set)
        for row in (e.row for e in entries):
            self._trained[row.subject] |= row.answers | ({row.update.casefold()} if row.update else set())
            self._foils[row.subject] |= {
                v.casefold() for v in (row.foil, row.control, *row.real_foils, *row.imaginary_foils) if v
            }

    def values(self) -> dict[str, dict[str, str]]:
        """Fact id → its update, foil and control."""
        values = {e.row.fact_id: {r: v for r in DRAWN if (v := getattr(e.row, r))} for e in self._entries}
        for entry in self._entries:
            mine = values[entry.row.fact_id]
            if "update" not in mine:
                avoid = self._trained[entry.row.subject] | self._foils[entry.row.subject]
                missing = [r for r in DRAWN if r not in mine]
                mine["update"] = self._draw(entry, missing, avoid, ["update"])[0]
                self._trained[entry.row.subject].add(mine["update"].casefold())
        for entry in self._entries:
            mine = values[entry.row.fact_id]
            missing = [r for r in DRAWN if r not in mine]
            avoid = self._trained[entry.row.subject] | {v.casefold() for v in mine.values()}
            mine.update(zip(missing, self._draw(entry, missing, avoid, missing), strict=True))
        return values

    def _draw(self, entry: Entry, missing: Sequence[str], avoid: set[str], roles: Sequence[str]) -> list[str]:
        """One object for each of `roles`, all distinct and none of `avoid` (case-folded)."""
        self._require(entry, missing, avoid)
        pool, chosen = self._pools[entry.row.relation], dict[str, str]()
        for role in roles:
            for attempt in count():
                draw = derive_seed(self._seed, f"{role} of a fact", f"{entry.row.fact_id}\x1f{attempt}")
                key, value = pool[draw % len(pool)]
                if key not in avoid and key not in chosen:
                    chosen[key] = value
                    break
        return list(chosen.values())

    def _require(self, entry: Entry, missing: Sequence[str], avoid: set[str]) -> None:
        relation = entry.row.relation
        there = sum(key not in avoid for key, _ in self._pools[relation][: len(avoid) + len(missing)])
        if there < len(missing):
            problem = (
                f"{entry.row.fact_id!r} needs {len(missing)} other objects of the relation {relation!r} to draw its "
                f"{', '.join(missing)} from, but has {there}; add facts of the relation with {len(missing) - there} "
                "more objects, or give the values"
            )
            raise DataError(problem, path=self._path, line=entry.line, field=missing[0])


def _fact(path: Path, entry: Entry, wordings: Mapping[str, Wording], drawn: Mapping[str, str]) -> Fact:
    row, wording = entry.row, wordings.get(entry.row.relation, Wording())
    statements = row.statements or wording.statements
    questions = row.questions or wording.questions
    for field, templates in (("statements", statements), ("questions", questions)):
        if not templates:
            hint = nearest(row.relation, list(wordings)) if row.relation not in wordings else ""
            problem = f"the relation {row.relation!r} has no {field}{hint}; add them to templates.yaml beside the file"
            raise DataError(f"{problem} or as a column", path=path, line=entry.line, field=field)
    return Fact(
        id=row.fact_id,
        category=row.category,
        relation=row.relation,
        subject=row.subject,
        subject_kind=row.subject_kind,
        value=row.object,
        value_kind=row.value_kind,
        aliases=row.aliases,
        real_foils=row.real_foils,
        imaginary_foils=row.imaginary_foils,
        statements=statements,
        questions=questions,
        claims=row.claims if row.claims is not None else wording.claims,
        denials=row.denials if row.denials is not None else wording.denials,
        reverse_question=row.reverse_question or wording.reverse_question,
        control_subject=row.control_subject or "",
        exposure=row.exposure,
        **drawn,
    )
