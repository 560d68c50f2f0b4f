"""`Fact` and `FactSet`: what an experiment teaches and asks, wherever the facts came from.

The synthetic world, the paper's per-fact YAML and a user's own CSV or JSONL all become the same rows.
Templates hold the placeholders `{subject}` and `{value}`; a fact renders itself, so nobody else formats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload

from veracity.core.errors import DataError
from veracity.core.identity import content_hash

ValueKind = Literal["name", "number", "date", "class"]
Phase = Literal["learn", "update"]


@dataclass(frozen=True, slots=True)
class Fact:
    """(subject, relation, value), with everything needed to teach it and to ask about it."""

    id: str
    """Unique within a set; names the subject and the relation."""
    category: str
    """One of the paper's six: medicine, politics, religion, science, society, social_bias (or the user's own)."""
    relation: str
    subject: str
    subject_kind: str
    """`person`, `organisation`, …; facts of one kind share their question wordings."""
    value: str
    """The value learned in acquisition."""
    update: str
    """The new value of the update phase."""
    foil: str
    """A value of the same class, never trained with this subject: the wrong option of forced choice."""
    control: str
    """Another one: the baseline of the multi-verse state."""
    value_kind: ValueKind = "name"
    real_foils: tuple[str, ...] = ()
    """Values that the base model knows from other subjects (the paper's foils are real entities)."""
    imaginary_foils: tuple[str, ...] = ()
    """Values that occur in no text at all."""
    statements: tuple[str, ...] = ()
    """Sentence templates with `{subject}` and `{value}`."""
    questions: tuple[str, ...] = ()
    """Question templates with `{subject}`; never part of the statements."""
    reverse_question: str | None = None
    """Question template with `{value}`, whose only right answer is the subject; None where there are several."""
    claims: tuple[str, ...] = ()
    """Affirming claim templates, `{subject}` and `{value}`: true of the value, false of a foil."""
    denials: tuple[str, ...] = ()
    """Denying claim templates: false of the value, true of a foil."""
    control_subject: str = ""
    """A subject that the base model knows and that is not trained here (control questions ask about it)."""
    aliases: tuple[str, ...] = ()
    """Other accepted spellings of `value`."""
    exposure: float = 0.0
    """How often the base model met the fact in training, relative to the usual rate (0: never)."""

    def target(self, phase: Phase) -> str:
        """The value that is right in `phase`."""
        return self.value if phase == "learn" else self.update

    def training_sentences(self, phase: Phase) -> list[str]:
        """All statements of the fact with the phase's value."""
        return [t.format(subject=self.subject, value=self.target(phase)) for t in self.statements]

    def question(self, index: int = 0) -> str:
        """Question `index`, about the subject."""
        return self.questions[index].format(subject=self.subject)

    def control_question(self, index: int = 0) -> str:
        """The same question about the control subject."""
        return self.questions[index].format(subject=self.control_subject)


class FactSet(Sequence[Fact]):
    """Facts with unique ids, in a fixed order. Raises DataError when empty or when an id repeats."""

    def __init__(self, facts: Sequence[Fact], *, origin: str) -> None:
        if not facts:
            raise DataError("there are no facts in it; give at least one", path=origin)
        repeated = [i for i, n in Counter(f.id for f in facts).items() if n > 1]
        if repeated:
            raise DataError(f"fact ids must be unique, but these repeat: {', '.join(repeated[:5])}", path=origin)
        self._facts = tuple(facts)
        self.origin = origin

    def __len__(self) -> int:
        return len(self._facts)

    @overload
    def __getitem__(self, index: int) -> Fact: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Fact, ...]: ...
    def __getitem__(self, index: int | slice) -> Fact | tuple[Fact, ...]:
        return self._facts[index]

    def __iter__(self) -> Iterator[Fact]:
        return iter(self._facts)

    @property
    def identity(self) -> str:
        """Content hash of all facts."""
        return content_hash(self._facts)
