"""What every domain shares: a name, problems made once, splits by source item, draws by seed.

A domain is one file in this room with one function that makes all its problems, under `@domain("name")`; what can be
set about it are the function's keyword arguments, written behind its name: `simpleqa?path=my.csv`. Splitting and
drawing are done here, alike for all of them:

* A split is decided by the hash of the normalised cluster alone. So all problems about one source item are in one
  split, whichever domain they are in, and adding or removing others moves nobody.
* A draw is a prefix of an order that (seed, id) alone decides. So the first five of twenty are the five that one gets
  by asking for five.

Third parties add domains through the entry point group `veracity.domains`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from inspect import Parameter, signature
from typing import Any, Literal, get_args, get_type_hints
from urllib.parse import quote

from veracity.core.errors import ConfigError, DataError
from veracity.core.identity import content_hash, derive_seed
from veracity.core.problem import Problem
from veracity.core.registry import Registry, nearest
from veracity.domains.wording import normalised
from veracity.models.spec import ModelSpec

Split = Literal["train", "validation", "test"]
SHARES: Mapping[Split, float] = {"train": 0.6, "validation": 0.2, "test": 0.2}
"""Expected share of the clusters in each split."""


@dataclass(frozen=True, eq=False)
class Domain:
    """A named set of problems; make one by `open_domain`, or directly from a function of your own."""

    name: str
    make: Callable[[], Iterable[Problem]]
    """Makes all problems, the same each time; called once, when they are first asked for."""

    def problems(
        self, n: int | None = None, split: Split | Literal["all"] = "test", seed: int = 0
    ) -> tuple[Problem, ...]:
        """`n` problems of a split, drawn without replacement; all of them, in the drawn order, if `n` is None.

        Args:
            n: How many.
            split: `all` joins the three.
            seed: Of the draw.

        Raises:
            ConfigError: no such split, or it has fewer than `n` problems.
        """
        known = [*SHARES, "all"]
        if split not in known:
            hint = nearest(split, known) or f"; known: {', '.join(known)}"
            raise ConfigError(f"{split!r} is no split{hint}")
        pool = self._all if split == "all" else self._splits[split]
        if n is not None and not 0 < n <= len(pool):
            raise ConfigError(
                f"the split {split!r} of {self.name} has {len(pool)} of its {len(self._all)} problems, so {n} cannot "
                "be drawn; ask for fewer, for all that are there (null in a recipe), or for the split 'all'"
            )
        return tuple(sorted(pool, key=lambda p: (derive_seed(seed, "problems", p.id), p.id))[:n])

    @property
    def identity(self) -> str:
        """Content hash of all problems."""
        return content_hash([self.name, self._all])

    def __len__(self) -> int:
        """Number of problems in all splits."""
        return len(self._all)

    @cached_property
    def _all(self) -> tuple[Problem, ...]:
        made = tuple(self.make())
        repeated = [name for name, count in Counter(p.id for p in made).items() if count > 1]
        if not made or repeated:
            what = f"repeats the ids {', '.join(repeated[:5])}" if repeated else "has no problems"
            raise DataError(f"{what}; each problem needs an id of its own", path=f"domain {self.name}")
        return made

    @cached_property
    def _splits(self) -> Mapping[Split, tuple[Problem, ...]]:
        found: dict[Split, list[Problem]] = {split: [] for split in get_args(Split)}
        for problem in self._all:
            found[split_of(problem.cluster or f"{problem.domain}/{problem.id}")].append(problem)
        return {split: tuple(problems) for split, problems in found.items()}


Maker = Callable[..., Iterable[Problem]]
"""Makes all problems of a domain; its keyword arguments, each with a type and a default, are the domain's options."""

DOMAINS: Registry[Maker] = Registry("domains", package="veracity.domains")


def domain(name: str) -> Callable[[Maker], Maker]:
    """Decorator: the function makes all problems of the domain called `name`."""
    return DOMAINS.register(name)


def open_domain(spec: str) -> Domain:
    """The domain that `spec` names: `world-qa`, or with options `simpleqa?path=my.csv`.

    The grammar is that of a model's name: `name?option=value&option=value`, values percent-encoded where they hold one
    of `&`, `#`, `%`, `+` (`domain_spec` does that). Without options its problems are kept in memory once made; with
    options they are made anew for each `Domain`, because a file may have changed.

    Raises:
        ConfigError: no such domain or option, with the nearest name, or a value of the wrong type.
    """
    name = spec.partition("?")[0]
    given = ModelSpec.parse(spec).only(**options(name))
    return Domain(name, partial(DOMAINS.get(name), **given)) if given else _kept(name)


def domain_spec(name: str, **given: str | int | float | bool) -> str:
    """`name` with options, as `open_domain` reads it: `domain_spec("simpleqa", path="a&b.csv")`."""
    pairs = "&".join(f"{option}={quote(str(value), safe='/:@,')}" for option, value in given.items())
    return f"{name}?{pairs}" if pairs else name


def options(name: str) -> dict[str, Any]:
    """What can be set about the domain `name`: option to type. ConfigError with the nearest name if there is none."""
    make = DOMAINS.get(name)
    hints = get_type_hints(make)
    settable = (p.name for p in signature(make).parameters.values() if p.kind is Parameter.KEYWORD_ONLY)
    return {option: hints[option] for option in settable}


@cache
def _kept(name: str) -> Domain:
    return Domain(name, DOMAINS.get(name))


def split_of(cluster: str) -> Split:
    """The split of all problems of one source item, whatever the domain; case and punctuation make no difference."""
    place = derive_seed(0, "split", normalised(cluster) or cluster) / 2**63
    for split, share in SHARES.items():
        if place < share:
            return split
        place -= share
    return "test"
