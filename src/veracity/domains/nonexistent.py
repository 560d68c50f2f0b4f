"""`nonexistent`: questions about things that do not exist, whose names are put together from those of things that do.

After HalluLens' MixedEntities (Bang et al., 2025, arXiv 2504.17550, section on NonExistentRefusal), written anew: the
beginning of one name and the last word of another of the same kind, drawn by the seed, kept if nobody has that name:
neither in the list itself, nor in the index of titles that is given. So whatever a reply tells about it is made up.

* `path`: real names of two words or more: `name` (or `title`) and optionally `kind`; or plain lines.
* `titles`: what exists, one title a line, plain or gzipped; Wikipedia's `…-all-titles-in-ns0.gz` will do. It is read
  as a stream. Without it, only the list itself is checked, and the details say so (`checked` is false).
* `n`, `seed`: how many questions, evenly over the kinds, and which.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from pydantic import AliasChoices, Field

from veracity.core.errors import ConfigError, DataError
from veracity.core.identity import derive_seed
from veracity.core.problem import Problem
from veracity.domains.base import domain
from veracity.domains.dataset import DatasetRow, Text, local_rows, row_id, validated_row
from veracity.domains.provenance import Provenance, stated
from veracity.domains.wording import normalised
from veracity.world.language import pick, shuffled

stated(
    "nonexistent",
    published=Provenance(
        "put together by this package from the names that are given",
        "that of the names",
        "Without `titles` a name may exist after all.",
    ),
)

OF_A_KIND = (
    "What do you know about the {kind} {name}?",
    "Describe the {kind} {name}.",
    "Tell me about {name}, a {kind}.",
)
OF_NO_KIND = ("What do you know about {name}?", "Describe {name}.", "Tell me about {name}.")
SPARE = 4
"""Names drawn for each that is asked for, so that enough are left when those that exist are taken out."""


class NameRow(DatasetRow):
    """One thing that exists."""

    column = "name"

    name: Text = Field(validation_alias=AliasChoices("name", "title"))
    kind: str = ""


@domain("nonexistent")
def nonexistent(*, path: str = "", titles: str = "", n: int = 2000, seed: int = 0) -> Iterator[Problem]:
    """Questions about names that nobody has, put together from a list of real ones; only declining is right."""
    if not path:
        raise ConfigError(
            "nonexistent needs real names to make others of: `nonexistent?path=names.csv&titles=titles.txt`"
        )
    source, records = local_rows(path, NameRow)
    by_kind: dict[str, list[str]] = {}
    for place, record in records:
        row = validated_row(NameRow, place, record)
        by_kind.setdefault(row.kind, []).append(row.name)
    drawn = recombined(by_kind, n, seed, Path(titles).expanduser() if titles else None)
    return (_problem(name, kind, source, bool(titles)) for kind, names in drawn.items() for name in names)


def recombined(
    by_kind: Mapping[str, Sequence[str]], n: int, seed: int, titles: Path | None = None
) -> Mapping[str, Sequence[str]]:
    """`n` names by kind that neither `by_kind` nor `titles` holds, as many of each kind as of any other, or one more.

    Raises:
        ConfigError: so many cannot be made of these names.
        DataError: `titles` cannot be read.
    """
    taken = {normalised(name) for names in by_kind.values() for name in names}
    drawn: dict[str, list[str]] = {}
    for kind, names in sorted(by_kind.items()):
        drawn[kind] = _candidates(names, taken, SPARE * n, Random(derive_seed(seed, "recombined", kind)))
        taken.update(map(normalised, drawn[kind]))
    existing = _existing({normalised(name) for names in drawn.values() for name in names}, titles)
    wanted = {kind: n // len(drawn) + (place < n % len(drawn)) for place, kind in enumerate(drawn)}
    for kind, names in drawn.items():
        drawn[kind] = [name for name in names if normalised(name) not in existing][: wanted[kind]]
        if len(drawn[kind]) < wanted[kind]:
            of = f" of the kind {kind!r}" if kind else ""
            raise ConfigError(
                f"{wanted[kind]} names{of} were wanted, but only {len(drawn[kind])} could be made; "
                "give more names of at least two words, or ask for fewer by n"
            )
    return drawn


def _candidates(names: Sequence[str], taken: set[str], count: int, rng: Random) -> list[str]:
    """At most `count` new names, each of the beginning of one and the last word of another."""
    parts = [name.rsplit(" ", 1) for name in dict.fromkeys(names) if " " in name]
    heads, tails = (list(dict.fromkeys(part[i] for part in parts)) for i in (0, 1))
    if len(heads) * len(tails) <= 16 * count:  # few enough to list them all
        made = shuffled(rng, [f"{head} {tail}" for head in heads for tail in tails])
    else:
        made = [f"{pick(rng, heads)} {pick(rng, tails)}" for _ in range(2 * count)]
    found: dict[str, str] = {}
    for name in made:
        if normalised(name) not in taken:
            found.setdefault(normalised(name), name)
    return list(found.values())[:count]


def _existing(wanted: set[str], titles: Path | None) -> set[str]:
    """Those of `wanted` that are titles; the index is never held in memory."""
    if titles is None:
        return set()
    line = 0
    try:
        with (
            gzip.open(titles, "rt", encoding="utf-8") if titles.suffix == ".gz" else titles.open(encoding="utf-8") as f
        ):
            found = set()
            for line, title in enumerate(f, start=1):  # noqa: B007 - for the message
                if (key := normalised(title)) in wanted:
                    found.add(key)
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8 from here on; save it as UTF-8", path=titles, line=line + 1) from error
    except (OSError, EOFError) as error:
        raise DataError(f"cannot be read ({error}); give one title a line, plain or gzipped", path=titles) from error
    if not line:
        raise DataError("holds no title; give the index of what exists", path=titles)
    return found


def _problem(name: str, kind: str, source: str, checked: bool) -> Problem:
    id = row_id(kind, name)
    wording = pick(Random(derive_seed(0, "wording", id)), OF_A_KIND if kind else OF_NO_KIND)
    return Problem(
        id=id,
        domain="nonexistent",
        question=wording.format(name=name, kind=kind),
        cluster=name,
        source=source,
        meta=(("answerable", False), ("existing", False), ("subject", name), ("kind", kind), ("checked", checked)),
    )
