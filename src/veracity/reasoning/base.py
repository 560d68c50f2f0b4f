"""What every reasoning mode shares: a name, options, and the settings that are the same for all problems of a run.

A mode is one file in this room with one function, a program from a problem to a `Trajectory`, under `@mode("name")`;
what can be set about it are the function's keyword arguments, written behind its name: `self_debate?turns=6`. Its
prompts are the Jinja files in `prompts/` that begin with its name.

Third parties add modes through the entry point group `veracity.reasoning_modes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model

from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.core.problem import Problem
from veracity.core.prompt_files import PromptFolder
from veracity.core.registry import Registry, nearest
from veracity.core.requests import Program, Sampling
from veracity.core.trajectory import Trajectory
from veracity.models.spec import ModelSpec

PROMPTS = PromptFolder(Path(__file__).parent / "prompts")


@dataclass(frozen=True, slots=True)
class ReasoningSettings:
    """How a problem is put to the policy; `dataclasses.replace` changes the replicate or the condition."""

    role: str = "policy"
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=1.0, max_tokens=2048))
    """How each reply is drawn; each replicate has its own stream of noise."""
    replicate: int = 0
    """From 0."""
    seed: int = 0
    """Decides the order in which options are shown, and which auxiliary problems are drawn."""
    shuffle: bool = True
    """Whether options are shown in an order of their own for each problem and replicate; else in canonical order."""
    system: str | None = None
    """A system message. A policy that brings a system prompt of its own refuses a second one."""
    remark: str = ""
    """A sentence after the problem, as an opinion that the user states."""
    condition: str = "neutral"
    """What the trajectory's table calls that."""
    generator_role: str = "generator"
    """Who writes auxiliary questions where a mode asks for that."""
    pool: tuple[Problem, ...] = ()
    """Problems of the same domain, for auxiliary questions."""
    foreign_pool: tuple[Problem, ...] = ()
    """Problems of other domains, for auxiliary questions."""


ModeProgram = Callable[..., Program[Trajectory]]
"""(problem, settings, **options) → program."""

MODES: Registry[ModeProgram] = Registry("reasoning modes", package="veracity.reasoning")


@dataclass(frozen=True, slots=True)
class Mode:
    """A reasoning mode with its options set; make one by `open_mode`."""

    spec: str
    """As it was written."""
    name: str
    options: tuple[tuple[str, Any], ...]
    """All of them, defaults included."""

    prompt_hash: str
    """Content hash of the name, the options and the prompt files: of what decides the words that it adds."""

    def run(self, problem: Problem, settings: ReasoningSettings) -> Program[Trajectory]:
        """The program that leads the policy through `problem`.

        Raises:
            ConfigError: the mode needs something that the problem or the settings lack (options, a pool).
        """
        trajectory = yield from MODES.get(self.name)(problem, settings, **dict(self.options))
        return replace(trajectory, mode=self.spec, prompt_hash=self.prompt_hash)


def mode(name: str) -> Callable[[ModeProgram], ModeProgram]:
    """Decorator: the program is the reasoning mode called `name`."""
    return MODES.register(name)


def open_mode(spec: str) -> Mode:
    """The mode that `spec` names: `direct`, or with options `bootstrap_interview?source=llm_adaptive&style=socratic`.

    Raises:
        ConfigError: no such mode or option, with the nearest name, or a value of the wrong type or out of its range.
    """
    parsed = ModelSpec.parse(spec)
    program = MODES.get(parsed.name)
    hints = get_type_hints(program, include_extras=True)
    settable = [p for p in signature(program).parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
    fields: dict[str, Any] = {p.name: (hints[p.name], p.default) for p in settable}
    if unknown := sorted(parsed.options.keys() - fields.keys()):
        hint = nearest(unknown[0], list(fields)) or f"; known: {', '.join(fields) or 'none'}"
        raise ConfigError(f"{parsed.name!r}: {unknown[0]!r} is no option{hint}")
    model = create_model(parsed.name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
    try:
        given = model(**parsed.options).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        wrong = f"{first['loc'][0]}={first['input']}"
        raise ConfigError(f"{parsed.name!r}: {wrong} cannot be: {first['msg'].lower()}") from None
    files = {file: digest for file, digest in PROMPTS.hashes().items() if file.partition(".")[0] == parsed.name}
    prompt_hash = content_hash(["reasoning mode", parsed.name, given, files])
    return Mode(spec, parsed.name, tuple(given.items()), prompt_hash)
