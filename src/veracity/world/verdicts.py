"""The world as a judge: a claim is read by the world's own templates and looked up.

Every other judge can be measured against this one. A claim that no template matches, or whose subject does not
exist, is `not_in_world`: that is a verdict about the world, not a failure to judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from veracity.world.facts import Fact, FactSet
from veracity.world.language import Language

Label = Literal["supported", "refuted", "not_in_world"]


@dataclass(frozen=True, slots=True)
class WorldVerdict:
    """What the world says of a claim; `fact` is the fact that decided, None if there is none."""

    label: Label
    fact: Fact | None = None


@dataclass(frozen=True, slots=True)
class _Pattern:
    regex: re.Pattern[str]
    relation: str
    affirms: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    fact: Fact
    value: str
    affirms: bool


class ClaimReader:
    """Reads claims about one world."""

    def __init__(self, language: Language, facts: FactSet, names: Mapping[str, str]) -> None:
        """`names` maps every name and alias to the name that facts use."""
        self._names = names
        self._facts = {(f.subject, f.relation): f for f in facts}
        self._values: dict[str, set[str]] = {}
        for f in facts:
            known = self._values.setdefault(f.relation, set())
            known.update((f.value, f.update, f.foil, f.control, *f.aliases, *f.real_foils, *f.imaginary_foils))
        self._patterns: dict[str, list[_Pattern]] = {}
        for relation in language.relations.values():
            for template in dict.fromkeys((*relation.statements, *relation.claims)):
                self._add(template, relation.name, affirms=True)
            for template in relation.denials:
                self._add(template, relation.name, affirms=False)

    def _add(self, template: str, relation: str, *, affirms: bool) -> None:
        spelled = re.escape(template.rstrip("."))
        for placeholder in ("subject", "value"):
            spelled = spelled.replace(rf"\{{{placeholder}\}}", f"(?P<{placeholder}>.+?)", 1)
        pattern = _Pattern(re.compile(spelled), relation, affirms)
        words = [w.rstrip(".,") for w in template.replace("{subject}", " ").replace("{value}", " ").split()]
        self._patterns.setdefault(max(words, key=len), []).append(pattern)

    def judge(self, claim: str) -> WorldVerdict:
        """Look a claim up.

        Of several readings, those whose value belongs to the relation's class win: "born in the year 1802" tells
        a year, not a place called so.
        """
        readings = self._readings(claim.strip().rstrip("."))
        fitting = [r for r in readings if r.value in self._values[r.fact.relation]] or readings
        if not fitting:
            return WorldVerdict("not_in_world")
        for reading in fitting:
            if (reading.value in (reading.fact.value, *reading.fact.aliases)) == reading.affirms:
                return WorldVerdict("supported", reading.fact)
        return WorldVerdict("refuted", fitting[0].fact)

    def _readings(self, text: str) -> list[_Reading]:
        found = []
        for word in dict.fromkeys(w.rstrip(".,") for w in text.split()):
            for pattern in self._patterns.get(word, ()):
                match = pattern.regex.fullmatch(text)
                name = self._names.get(match["subject"]) if match else None
                fact = self._facts.get((name, pattern.relation)) if name else None
                if match and fact:
                    found.append(_Reading(fact, match["value"], pattern.affirms))
        return found
