"""`veracity recipes`: which there are, what is in one, what can be set, and whether all are valid."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="The recipes that come with the package.", invoke_without_command=True)


@app.callback()
def recipes(ctx: typer.Context) -> None:
    """The recipes that come with the package; alone, lists them."""
    if ctx.invoked_subcommand is None:
        list_recipes()


@app.command("list")
def list_recipes() -> None:
    """List the shipped recipes."""
    from rich.table import Table

    from veracity.cli.console import make_console
    from veracity.recipes import shipped

    table = Table("recipe", "experiment", "what it is for", box=None, header_style="bold")
    for recipe in shipped():
        table.add_row(recipe.name, recipe.experiment, recipe.description)
    make_console().print(table)


@app.command()
def show(
    recipe: Annotated[str, typer.Argument(help="Name or path of a recipe.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[a.b=c]...", help="Settings to change.")] = None,
) -> None:
    """Print a recipe with everything it extends, every default filled in."""
    import yaml

    from veracity.recipes import resolved

    typer.echo(yaml.safe_dump(resolved(recipe, overrides or []), sort_keys=False, allow_unicode=True), nl=False)


@app.command()
def schema(name: Annotated[str, typer.Argument(help="Name of an experiment, or of a recipe.")] = "gv-gap") -> None:
    """Print every setting of an experiment: its type, default and meaning."""
    from rich.markup import escape
    from rich.table import Table

    from veracity.cli.console import make_console
    from veracity.core.config import schema_table
    from veracity.experiments.registry import experiments
    from veracity.recipes import shipped

    experiment = {recipe.name: recipe.experiment for recipe in shipped()}.get(name, name)
    table = Table("setting", "type", "default", "meaning", box=None, header_style="bold", pad_edge=False)
    for row in schema_table(experiments.get(experiment).settings):
        table.add_row(row.key, *(escape(text) for text in (row.type, row.default, row.description)))
    console = make_console()
    console.print(table)
    others = ", ".join(name for name in experiments.names() if name != experiment)
    told = f"\nThese are the settings of {experiment}; `veracity recipes schema NAME` prints those of {others}."
    console.print(told, markup=False, highlight=False)


@app.command()
def check() -> None:
    """Validate every shipped recipe; exits with 1 if one is wrong."""
    from veracity.cli.console import make_console
    from veracity.recipes import check_all

    console = make_console()
    wrong = 0
    for name, points, problem in check_all():
        console.print(
            f"{name}: {problem or f'fine, {points} point' + 's' * (points != 1)}", markup=False, highlight=False
        )
        wrong += bool(problem)
    if wrong:
        raise typer.Exit(1)
