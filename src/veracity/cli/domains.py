"""`veracity domains`: which question sets there are, what can be set about each, and what is in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.core.problem import Problem
    from veracity.domains import Domain, Split

app = typer.Typer(help="The sets of questions that can be asked.", invoke_without_command=True)

LONGEST = 100
"""Characters of a detail that are shown."""


@app.callback()
def domains(ctx: typer.Context) -> None:
    """The sets of questions that can be asked; alone, lists them."""
    if ctx.invoked_subcommand is None:
        list_domains()


@app.command("list")
def list_domains() -> None:
    """List the domains with what can be set about each."""
    from rich.table import Table

    from veracity.cli.console import make_console
    from veracity.domains import DOMAINS, options

    table = Table("domain", "options", "what is asked", box=None, header_style="bold", pad_edge=False)
    for name, make in DOMAINS:
        table.add_row(name, ", ".join(options(name)), (make.__doc__ or "").partition("\n")[0])
    make_console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A domain, with options if it needs any: `simpleqa?path=my.csv`.")],
    n: Annotated[int, typer.Option("--n", min=0, help="How many problems to print.")] = 3,
    split: Annotated[str, typer.Option("--split", help="From which split: train, validation, test or all.")] = "test",
    seed: Annotated[int, typer.Option("--seed", help="Which ones.")] = 0,
) -> None:
    """Show how many problems a domain has, whether any is asked twice, and some of them."""
    from veracity.cli.console import make_console
    from veracity.domains import open_domain

    found = open_domain(name)
    pool = found.problems(split=cast("Split", split), seed=seed)
    console = make_console()
    console.print(found.name, style="bold", markup=False)
    _print_provenance(console, name)
    _print_summary(console, found)
    for problem in pool[:n]:
        _print_problem(console, problem)
    if not pool:
        console.print(f"  none of them is in the split {split!r}; `--split all` shows those of the three", markup=False)


def _print_provenance(console: Console, spec: str) -> None:
    from veracity.domains import provenance_of

    known = provenance_of(spec)
    if known is not None:
        console.print(f"  {known.origin}; licence: {known.licence}", markup=False, soft_wrap=True)
        if known.note:
            console.print(f"  {known.note}", markup=False, soft_wrap=True)


def _print_summary(console: Console, found: Domain) -> None:
    from veracity.domains import SHARES, repetitions

    parts = {split: found.problems(split=split) for split in SHARES}
    problems = [problem for pool in parts.values() for problem in pool]
    counts = ", ".join(f"{len(pool)} {split}" for split, pool in parts.items())
    items = len({problem.cluster or problem.id for problem in problems})
    console.print(f"  {len(problems)} problems ({counts}) about {items} source items", markup=False)
    for source in sorted({problem.source for problem in problems} - {""}):
        console.print(f"  from {source}", markup=False, soft_wrap=True)
    repeated = repetitions(problems)
    if repeated:
        times, first = sum(len(r.problems) - 1 for r in repeated), repeated[0]
        console.print(f"  asked again: {times}, first {' and '.join(first.problems[:2])}", markup=False, soft_wrap=True)


def _print_problem(console: Console, problem: Problem) -> None:
    answer = "; ".join(problem.answers) or (problem.gold if problem.options else None)
    console.print(f"\n{problem.messages()[0].content}", markup=False, soft_wrap=True)
    console.print(f"  answer: {_cut(answer) if answer else 'none'}", markup=False, soft_wrap=True)
    details = [f"{key}: {_cut(str(value))}" for key, value in problem.meta if value not in ("", None)]
    console.print(f"  id: {problem.id}, " + ", ".join(details), style="dim", markup=False, soft_wrap=True)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
