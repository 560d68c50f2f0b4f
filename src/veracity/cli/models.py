"""`veracity models`: which kinds of models there are, what each can do, and what the catalogue knows by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veracity.models.catalogue import Catalogue, Entry, ModelSettings
    from veracity.models.price import Price

app = typer.Typer(help="The models that can be asked: kinds, and a catalogue of names.", invoke_without_command=True)

Find = Annotated[str, typer.Option("--find", help="Only what has this in its name.", metavar="TEXT")]
Can = Annotated[
    list[str] | None, typer.Option("--can", help="Only what has this ability; may be repeated.", metavar="ABILITY")
]


@app.callback()
def models(ctx: typer.Context, find: Find = "", can: Can = None) -> None:
    """The kinds of models with their abilities, and the catalogue of names; alone, lists both."""
    if ctx.invoked_subcommand is None:
        list_models(find, can)


@app.command("list")
def list_models(find: Find = "", can: Can = None) -> None:
    """List the kinds of models with their abilities, and the catalogue of names."""
    _check_abilities(can or [])
    _list_kinds(find, frozenset(can or []))
    _list_trained(find, frozenset(can or []))
    _list_catalogue(find, frozenset(can or []))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name of the catalogue (`GPT-4o`), a kind (`vllm`), or `kind/id`.")],
) -> None:
    """Show one model (where it is asked, its context, its price, its retirement), or a kind with its options."""
    from veracity.core.errors import ConfigError
    from veracity.models.catalogue import catalogue, suggestion, user_file
    from veracity.models.resolve import KINDS

    known = catalogue()
    name = name.partition("?")[0]
    found = known.find(name) or known.with_route(name)
    if found is not None:
        _show_model(known, *found)
    elif name.partition("/")[0] in KINDS.names():
        _show_kind(name)
    else:
        hint = suggestion(name, KINDS.names()) or "; `veracity models` lists what is known."
        raise ConfigError(f"the catalogue has no {name!r}{hint} You can add it in {user_file()}")


def _show_model(known: Catalogue, own: str, model: ModelSettings) -> None:
    from rich.table import Table

    from veracity.cli.console import make_console

    console = make_console()
    console.print(own, style="bold", markup=False)
    for line in _facts(own, model):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    table = Table("asked as", "context", "$ in", "$ out", "as of", "abilities", "key", box=None, header_style="bold")
    for entry in known.entries():
        if entry.name == own:
            keyed = entry.kind in known.providers
            table.add_row(entry.text, *_numbers(entry), _listed(entry.abilities), _key_state(entry.kind, keyed))
    console.print(table)


def _show_kind(name: str) -> None:
    """What a kind says of itself, and the options that a name of it may carry."""
    from veracity.cli.console import make_console
    from veracity.models.catalogue import catalogue

    kind, _, rest = name.partition("/")
    console = make_console()
    console.print(name, style="bold", markup=False)
    for line in _words(kind, rest):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    able = catalogue().kinds.get(kind, frozenset())
    console.print(f"  can at most: {_listed(able) or 'not stated'}", markup=False, soft_wrap=True)
    for option, about in _options(name, batch="batch" in able):
        console.print(f"  ?{option}=  {about}", markup=False, soft_wrap=True)


def _words(kind: str, rest: str) -> Iterator[str]:
    """The documentation of a kind's file and function; of a simulated agent, what it does."""
    import sys

    from veracity.models.resolve import KINDS
    from veracity.models.simulated import POLICIES

    if kind == "sim" and rest:
        yield POLICIES.get(rest).summary()
        return
    opener = KINDS.get(kind)
    for text in (sys.modules[opener.__module__].__doc__, opener.__doc__):
        yield from (line.strip() for line in (text or "").strip().splitlines() if line.strip())
    if kind == "sim":
        yield from (f"sim/{policy}: {made.summary()}" for policy, made in POLICIES)


def _options(name: str, *, batch: bool) -> Iterator[tuple[str, str]]:
    """Each option with the type of its value, and its default where the kind tells."""
    from veracity.models.batch.opening import OPTIONS as BATCH
    from veracity.models.options import options_of
    from veracity.models.simulated import POLICIES
    from veracity.models.wrapped import OPTIONS as WRAPPED

    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    kind, _, rest = name.partition("/")
    own = {} if name.strip("/") == "sim" else options_of(name)
    for option, wanted in own.items():
        default = f" ({getattr(POLICIES.get(rest)(), option)})" if kind == "sim" else ""
        yield option, f"{words[wanted]}{default}"
    for option, wanted in BATCH.items() if batch else ():
        yield option, f"{words[wanted]}; for batches"
    for option in WRAPPED:
        yield option, "text; for every model"


def _check_abilities(wanted: list[str]) -> None:
    from veracity.core.errors import ConfigError
    from veracity.core.registry import nearest
    from veracity.models.abilities import MEANING

    for ability in wanted:
        if ability not in MEANING:
            hint = nearest(ability, sorted(MEANING)) or f"; known: {', '.join(sorted(MEANING))}"
            raise ConfigError(f"{ability!r} is no ability{hint}")


def _list_kinds(find: str, can: frozenset[str]) -> None:
    from rich.table import Table

    from veracity.cli.console import make_console
    from veracity.models.catalogue import catalogue
    from veracity.models.resolve import KINDS

    abilities = catalogue().kinds
    table = Table("kind", "can at most", "what it is", box=None, header_style="bold", pad_edge=False)
    for kind, opener in KINDS:
        has = abilities.get(kind, frozenset())
        if find.lower() in kind and can <= has:
            table.add_row(kind, _listed(has) or "not stated", _first_line(opener.__module__))
    if table.row_count:
        make_console().print(table, "")


def _list_trained(find: str, can: frozenset[str]) -> None:
    """What runs of this folder have trained, if anything."""
    from rich.table import Table

    from veracity.cli.console import make_console
    from veracity.models.catalogue import catalogue
    from veracity.models.kinds.trained import trained_models

    table = Table("trained here", "by", "steps", "from", box=None, header_style="bold", pad_edge=False)
    for model in trained_models() if can <= catalogue().kinds["trained"] else ():
        if find.lower() in model.name.lower():
            table.add_row(model.name, model.trainer, str(model.steps), model.parent)
    if table.row_count:
        make_console().print(table, "")


def _first_line(module: str) -> str:
    """What a kind's own file says of it, as plain text."""
    import sys

    from rich.markup import escape

    return escape((sys.modules[module].__doc__ or "").strip().partition("\n")[0].replace("`", ""))


def _list_catalogue(find: str, can: frozenset[str]) -> None:
    from rich.table import Table

    from veracity.cli.console import make_console

    columns = ("name", "asked as", "context", "$ in", "$ out", "as of", "abilities", "")
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    shown = ""
    for entry in _matching(find, can):
        table.add_row(
            "" if entry.name == shown else entry.name,
            entry.text,
            *_numbers(entry),
            _listed(entry.abilities),
            "" if entry.name == shown else _service(entry),
        )
        shown = entry.name
    console = make_console()
    if table.row_count:
        console.print(table)
        console.print(
            "$: US dollars per million tokens on that day; empty: not known. `veracity keys check`: which keys work"
        )
    else:
        console.print(
            "the catalogue has nothing like that; kind/id works for models that it does not know", markup=False
        )


def _matching(find: str, can: frozenset[str]) -> Iterator[Entry]:
    """The routes of the models whose name or id holds `find`, and that have the abilities."""
    from veracity.models.catalogue import catalogue

    for entry in catalogue().entries():
        if find.lower() in f"{entry.name} {entry.text}".lower() and can <= entry.abilities:
            yield entry


def _numbers(entry: Entry) -> tuple[str, str, str, str]:
    """Context, both prices and their day; empty where not known."""
    context = "" if entry.context is None else f"{entry.context:,}"
    return (context, *_prices(entry.price))


def _prices(price: Price | None) -> tuple[str, str, str]:
    return ("", "", "") if price is None else (f"{price.input:.2f}", f"{price.output:.2f}", str(price.as_of))


def _service(entry: Entry) -> str:
    from datetime import date

    if entry.retired is None:
        return ""
    if entry.retired <= date.today():
        return f"[red]retired {entry.retired}[/]"
    return f"[yellow]until {entry.retired}[/]"


def _facts(name: str, model: ModelSettings) -> Iterator[str]:
    """What holds by whichever route."""
    from datetime import date

    from veracity.core.errors import ConfigError
    from veracity.models.catalogue import best_route

    retired = model.retired is not None and model.retired <= date.today()
    if model.aliases:
        yield f"also called {', '.join(model.aliases)}"
    if model.retired is not None:
        tense = "was" if retired else "will be"
        yield f"{tense} retired by its maker on {model.retired}; successor: {model.successor or 'none named'}"
    if model.weights:
        yield f"open weights: hf/{model.weights} runs it here"
    if model.note:
        yield model.note
    if retired:
        return
    try:
        yield f"{name} opens {best_route(name, model)}"
    except ConfigError as error:
        yield f"it cannot be opened now: {error}"


def _key_state(kind: str, needed: bool) -> str:
    from veracity.models.keys import find_key

    if not needed:
        return "not needed"
    return "found" if find_key(kind) else "missing"


def _listed(abilities: frozenset[str]) -> str:
    from veracity.models.abilities import MEANING

    return ", ".join(ability for ability in MEANING if ability in abilities)
