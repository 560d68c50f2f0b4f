"""What a number was measured with, and the refusal to compare numbers that were measured differently.

Levels of one metric differ by ten points and more between verifiers (FActScore, arXiv 2305.14251, table 5), move with K
and with the corpus, and a changed prompt is a changed judge. So a result is stored together with a `Measurement`, and
two results are compared only where these agree in everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from veracity.core.errors import DataError, VeracityError
from veracity.core.identity import content_hash

Parameter = str | int | float | bool | None


class MeasurementMismatchError(VeracityError):
    """Two results were measured with different things; the message names each, `differing` holds their names."""

    def __init__(self, message: str, differing: tuple[str, ...]) -> None:
        super().__init__(message)
        self.differing = differing

    def __reduce__(self) -> tuple[type[MeasurementMismatchError], tuple[str, tuple[str, ...]]]:
        return MeasurementMismatchError, (str(self), self.differing)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything that two results must share for their difference to mean something. Empty text: not used."""

    metric: str
    """Name and version, as `factscore.v1`."""
    data: str = ""
    """Content hash of the items (`Domain.identity`, or that of a file)."""
    extractor: str = ""
    """Program and model identity, as `atomic:<hash>`."""
    verifier: str = ""
    """Program and model identity."""
    judge: str = ""
    """Identity of a grader, where there is one."""
    corpus: str = ""
    """Content hash of the corpus."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """What the formula and the verifier depend on: `k`, `gamma`, `threshold`, …"""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Prompt id → hash of its text, of every prompt that took part."""

    @property
    def identity(self) -> str:
        """Content hash of all of it."""
        return content_hash(self.as_dict())

    def as_dict(self) -> dict[str, object]:
        """As it is stored beside a result, in JSON."""
        return asdict(self) | {"parameters": dict(self.parameters), "prompts": dict(self.prompts)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Measurement:
        """What `as_dict` gave. DataError naming the field that is missing, unknown or of another type."""
        known = {f: (dict if f in _MAPPINGS else str) for f in _FIELDS}
        for name, value in stored.items():
            if name not in known or not isinstance(value, known[name]):
                raise DataError("is no part of a measurement, or of another type", path="measurement", field=name)
        if "metric" not in stored:
            raise DataError("is missing; a measurement names its metric", path="measurement", field="metric")
        return cls(**stored)  # type: ignore[arg-type]


_MAPPINGS = ("parameters", "prompts")
_FIELDS = ("metric", "data", "extractor", "verifier", "judge", "corpus", *_MAPPINGS)


def differences(first: Measurement, second: Measurement) -> dict[str, tuple[object, object]]:
    """What differs: name (`verifier`, `parameters.k`, `prompts.verify.v1`) → both values, None where one has none."""
    a, b = _flat(first), _flat(second)
    names = [*a, *(name for name in b if name not in a)]
    return {
        name: (a.get(name), b.get(name)) for name in names if a.get(name) != b.get(name) or (name in a) != (name in b)
    }


def require_comparable(
    first: Measurement,
    second: Measurement,
    *,
    names: tuple[str, str] = ("first", "second"),
    causes: Mapping[str, str] | None = None,
) -> None:
    """Do nothing if both were measured with the same things; refuse otherwise.

    Args:
        first: One side.
        second: The other.
        names: Of the two.
        causes: By the name of a difference, where it comes from, in words: a hash tells nobody.

    Raises:
        MeasurementMismatchError: naming everything that differs, and what each has.
    """
    found = differences(first, second)
    if not found:
        return
    parts = [
        f"{name} ({names[0]}: {_shown(a)}, {names[1]}: {_shown(b)}{_cause(name, causes or {})})"
        for name, (a, b) in found.items()
    ]
    raise MeasurementMismatchError(
        f"{names[0]} and {names[1]} cannot be compared, since they differ in {'; '.join(parts)}. Measure one of them "
        "again with what the other was measured with",
        tuple(found),
    )


def _cause(name: str, causes: Mapping[str, str]) -> str:
    return f"; {causes[name]}" if causes.get(name) else ""


def _flat(measurement: Measurement) -> dict[str, object]:
    flat: dict[str, object] = {name: getattr(measurement, name) for name in _FIELDS if name not in _MAPPINGS}
    for name in _MAPPINGS:
        flat |= {f"{name}.{key}": value for key, value in sorted(getattr(measurement, name).items())}
    return flat


def _shown(value: object) -> str:
    """Short enough for a message: the first twelve characters of a hash, and of nothing else."""
    if value is None or value == "":
        return "none"
    text = str(value)
    head, _, tail = text.rpartition(":")
    if len(tail) == 64 and all(c in "0123456789abcdef" for c in tail):
        return f"{head}:{tail[:12]}" if head else tail[:12]
    return text
