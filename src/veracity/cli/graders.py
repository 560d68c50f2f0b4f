"""`veracity graders`: which there are, their form for OpenAI's graders API, and what they give for answers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veracity.core.problem import Problem
    from veracity.core.requests import Backend
    from veracity.judging.graders import Graded, Grader
    from veracity.models.remote.openai_graders import GraderService

app = typer.Typer(help="Graders: from an answer to a reward.", invoke_without_command=True)

OPENAI = "https://api.openai.com/v1"

Name = Annotated[
    str, typer.Argument(metavar="GRADER", help="A grader with its options, or a .json file with a specification.")
]
Domain = Annotated[str, typer.Option("--domain", help="The problems that were answered, as `forecasting?path=x.json`.")]
Address = Annotated[str | None, typer.Option("--url", help="A server with OpenAI's graders API.")]
KeyOf = Annotated[
    str | None, typer.Option("--key", help="Whose key a server at another address gets.", metavar="PROVIDER")
]


@app.callback()
def graders(ctx: typer.Context) -> None:
    """Graders: from an answer to a reward; alone, lists them."""
    if ctx.invoked_subcommand is None:
        list_graders()


@app.command("list")
def list_graders() -> None:
    """List the graders: their range, what a problem must have, whom they ask, their options."""
    from dataclasses import fields

    from rich.table import Table

    from veracity.cli.console import make_console
    from veracity.judging.graders import GRADERS

    table = Table("grader", "reward", "a problem needs", "asks", "options", "what it is", box=None, header_style="bold")
    for name, kind in GRADERS:
        made: Any = kind
        settable = {field.name: field.default for field in fields(made)}
        options = ", ".join(option for option in settable if option not in ("role", "sampling", "source"))
        asks = "nobody" if "role" not in settable else "a confined process" if name == "python" else "a model"
        needs = (kind.lacks.__doc__ or "").strip().partition("\n")[0].rstrip(".").lower()
        table.add_row(name, _range(kind.bounds), needs, asks, options, (kind.__doc__ or "").partition("\n")[0])
    make_console().print(table)


@app.command()
def show(
    name: Name, domain: Annotated[str, typer.Option("--domain", help="Say which problems it can grade.")] = ""
) -> None:
    """Print a grader as OpenAI's graders API takes it, as JSON; what is said about a domain goes to stderr."""
    from veracity.judging.graders import named_grader, openai_item, specification

    typer.echo(json.dumps(specification(name), indent=2, ensure_ascii=False))
    if domain:
        grader, problems = named_grader(name), _problems(domain)
        able = [problem for problem in problems if grader.lacks(problem) is None]
        lacks = next((lack for problem in problems if (lack := grader.lacks(problem))), None)
        told = f": {lacks[0]}, {lacks[1]}" if lacks else ""
        typer.echo(f"{len(able)} of {len(problems)} problems of {domain} can be graded{told}", err=True)
        shown = (able or problems)[:1]
        typer.echo("".join(f"item: {json.dumps(openai_item(p), ensure_ascii=False)}" for p in shown), err=True)


@app.command()
def run(
    name: Name,
    domain: Domain,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", help="JSONL: an object a line, with the problem's `id` and the `answer`."),
    ] = None,
    answer: Annotated[str | None, typer.Option("--answer", help="A single answer, instead of a file.")] = None,
    problem: Annotated[str | None, typer.Option("--problem", help="Id of the problem that it answers.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Who grades, where the grader asks a model.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the grades there, as JSONL, too.")] = None,
    url: Address = None,
    key: KeyOf = None,
) -> None:
    """Grade answers here, or with --url on a server: a reward each, or why there is none."""
    known = {one.id: one for one in _problems(domain)}
    given = _answers(answers, answer, problem, domain)
    pairs = [(_problem(known, one, domain), text) for one, text in given]
    grades = _there(name, pairs, url, key) if url is not None else _here(name, pairs, model)
    rows = [
        {"id": one.id, "reward": grade.reward, "status": grade.status, "reason": grade.reason}
        for (one, _), grade in zip(pairs, grades, strict=True)
    ]
    if out is not None:
        out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    _print(rows)


@app.command()
def validate(name: Name, url: Address = OPENAI, key: KeyOf = None) -> None:
    """Ask a server whether it accepts a grader's specification: OpenAI's own unless --url names another."""
    import asyncio

    from veracity.judging.graders import specification

    spec = specification(name)
    asyncio.run(_service(url or OPENAI, key).validate(spec))
    typer.echo(f"{url or OPENAI} accepts {name} ({spec.get('type')})")


def _range(bounds: tuple[float, float]) -> str:
    return "any number" if math.isinf(bounds[0]) else f"{bounds[0]:g} to {bounds[1]:g}"


def _problems(domain: str) -> tuple[Problem, ...]:
    from veracity.domains import open_domain

    return open_domain(domain).problems(None, "all")


def _answers(file: Path | None, answer: str | None, problem: str | None, domain: str) -> list[tuple[str, str]]:
    """(problem's id, answer) of each answer given."""
    from veracity.core.errors import ConfigError

    if (file is None) == (answer is None):
        raise ConfigError("give the answers as a file (--answers), or a single one (--answer and --problem)")
    if file is not None:
        return _answers_in(file)
    if problem is None:
        raise ConfigError(f"--answer answers one problem of {domain}: say which with --problem; `domains show` has ids")
    return [(problem, answer or "")]


def _answers_in(file: Path) -> list[tuple[str, str]]:
    from veracity.core.errors import DataError

    try:
        lines = [(n, line) for n, line in enumerate(file.read_text("utf-8").splitlines(), 1) if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error}); give a JSONL file of answers", path=file) from None
    found = []
    for number, line in lines:
        try:
            record = json.loads(line)
            identity, text = record["id"], record["answer"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"is no answer ({type(error).__name__}: {error}); write " + '{"id": "…", "answer": "…"}',
                path=file, line=number,
            ) from None  # fmt: skip
        if not isinstance(text, str):
            raise DataError("is no text", path=file, line=number, field="answer")
        found.append((str(identity), text))
    if not found:
        raise DataError("holds no answers", path=file)
    return found


def _problem(known: Mapping[str, Problem], identity: str, domain: str) -> Problem:
    from veracity.core.errors import ConfigError
    from veracity.core.registry import nearest

    if identity not in known:
        hint = nearest(identity, sorted(known)) or f"; `veracity domains show {domain}` shows some"
        raise ConfigError(f"{domain} has no problem {identity!r}{hint}")
    return known[identity]


def _here(name: str, pairs: Sequence[tuple[Problem, str]], model: str | None) -> list[Graded]:
    """Graded in this process, and where it is the user's own code, in a confined one."""
    from veracity.core.errors import ModelError
    from veracity.core.records import Failure
    from veracity.engine import Engine
    from veracity.judging.graders import named_grader

    grader = named_grader(name)
    programs = {str(n): grader.grade(problem, text) for n, (problem, text) in enumerate(pairs)}
    results = Engine(_players(grader, model)).run(programs)
    if lost := next((one for one in results.values() if isinstance(one, Failure)), None):
        raise ModelError(f"grading stopped at answer {int(lost.item) + 1}: {lost.kind}: {lost.reason}")
    return [one for one in results.values() if not isinstance(one, Failure)]


def _players(grader: Grader, model: str | None) -> dict[str, Backend]:
    """Who plays the role that the grader asks, if it asks any."""
    from veracity.core.errors import ConfigError
    from veracity.judging.graders import sandbox_of

    role = getattr(grader, "role", None)
    if role is None or (sandbox := sandbox_of(grader)):
        return {} if role is None else sandbox
    if model is None:
        raise ConfigError(f"the grader {grader.name} asks a model: say which with --model, as --model openai/gpt-4.1")
    from veracity.models.resolve import open_model

    return {role: open_model(model)}


def _there(name: str, pairs: Sequence[tuple[Problem, str]], url: str, key: str | None) -> list[Graded]:
    """Graded by the server; one answer after the other."""
    import asyncio

    from veracity.judging.graders import Graded, openai_item, specification

    spec, service = specification(name), _service(url, key)

    async def all_of_them() -> list[Graded]:
        found = []
        for problem, text in pairs:
            told = await service.run(spec, text, openai_item(problem))
            status: Any = "ok" if told.reward is not None else "grader_failed"
            found.append(Graded(told.reward, status, ", ".join(told.errors) or None))
        return found

    return asyncio.run(all_of_them())


def _service(url: str, key: str | None) -> GraderService:
    """OpenAI's own key goes to OpenAI alone; another server gets one only if the user says whose."""
    from veracity.models.keys import require_key
    from veracity.models.remote.openai_graders import GraderService

    owner = "openai" if url.rstrip("/") == OPENAI else key
    return GraderService(url, require_key(owner) if owner else None)


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    from collections import Counter

    from rich.table import Table

    from veracity.cli.console import make_console

    console, table = make_console(), Table("problem", "reward", "status", "why", box=None, header_style="bold")
    for row in rows:
        reward = "–" if row["reward"] is None else f"{row['reward']:.4f}"
        table.add_row(row["id"], reward, row["status"], (row["reason"] or "")[:100])
    console.print(table)
    graded = [row["reward"] for row in rows if row["reward"] is not None]
    counts = ", ".join(f"{n} {status}" for status, n in sorted(Counter(row["status"] for row in rows).items()))
    mean = f"; mean reward {math.fsum(graded) / len(graded):.4f} of {len(graded)}" if graded else ""
    console.print(f"{counts}{mean}", markup=False)
