"""What a run would cost, shown before it starts, and the question whether to go on."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.engine.plan import Line, Plan, Range


def confirm(plan: Plan, *, yes: bool = False, console: Console | None = None) -> None:
    """Print `plan`; where it costs money, or may, ask whether to go on, unless `yes`.

    Raises:
        ConfigError: there is nobody to ask (no terminal), and `yes` is not given.
        typer.Exit: the answer is no; nothing was spent.
    """
    from veracity.cli.console import make_console

    console = console or make_console()
    print_plan(plan, console)
    agree(plan, yes=yes, console=console)


def agree(plan: Plan, *, yes: bool, console: Console) -> None:
    """Do nothing if `plan` costs nothing or `yes` is given; otherwise ask whether to go on. Raises as `confirm`."""
    from veracity.core.errors import ConfigError

    if yes or not plan.costs_money:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"this costs {money(plan)}, and there is no terminal to ask at: give --yes to agree")
    if not typer.confirm("go on?"):
        console.print("nothing was asked and nothing was spent")
        raise typer.Exit(0)


def print_plan(plan: Plan, console: Console) -> None:
    """The plan as a table, one line a role, and what it means in words."""
    from rich.table import Table

    table = Table("role", "model", box=None, header_style="bold", pad_edge=False)
    for title in ("calls", "in ledger", "tokens in", "tokens out", "US dollars"):
        table.add_column(title, justify="right")
    for line in plan.lines:
        table.add_row(line.role, line.model, *cells(line))
    console.print(table)
    for remark in _remarks(plan):
        console.print(remark, markup=False, highlight=False, soft_wrap=True)


def cells(line: Line) -> tuple[str, str, str, str, str]:
    """Calls, replies in the ledger, tokens in and out, and dollars, in words."""
    tilde = "~" if line.estimated else ""
    tokens_in, tokens_out = _counts(line.input_tokens), _counts(line.output_tokens)
    cost = "unknown" if line.cost is None else _dollars(line.cost)
    return _counts(line.calls), f"{line.recorded:,}", tilde + tokens_in, tokens_out, cost


def _remarks(plan: Plan) -> Iterator[str]:
    yield f"together: {money(plan)}"
    if any(line.estimated and line.input_tokens[1] for line in plan.lines):
        yield "~ estimated at 4 characters a token, which is right for English prose and too few for much else"
    width, difference = plan.interval_width, plan.detectable_difference
    if width is not None and difference is not None:
        told = "; too few for two runs to be told apart"
        if not math.isnan(difference):
            told = f"; two runs that differ by {100 * difference:.1f} points or more are told apart (power 80 %)"
        wide = f"a share of one half comes with a 95 % interval {100 * width:.1f} points wide"
        yield f"{plan.items:,} items: {wide}{told}"
    yield from plan.remarks


def money(plan: Plan) -> str:
    """What is known of the cost, in words."""
    unknown = f"an unknown sum for {', '.join(plan.unpriced)} (no price is known)" if plan.unpriced else ""
    if plan.cost[1] > 0:
        return " and ".join(filter(None, [f"${_dollars(plan.cost)}", unknown]))
    return unknown or "nothing"


def _dollars(cost: Range) -> str:
    low, high = (f"{value:,.2f}" if value >= 1 else f"{value:.4f}" for value in cost)
    if cost[1] == 0:
        return "0"
    return low if low == high else f"{low} – {high}"


def _counts(count: Range) -> str:
    low, high = (f"{round(value):,}" for value in count)
    return low if low == high else f"{low} – {high}"
