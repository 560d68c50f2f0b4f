"""`veracity launch`: start a command in every process of a machine with several GPUs, or of several machines."""

from __future__ import annotations

from typing import Annotated

import typer


def launch(
    cluster: Annotated[str, typer.Argument(help="Name of a shipped configuration; `list` shows them.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND...", help="What each process does, as `run RECIPE a.b=c`.")
    ] = None,
    rank: Annotated[int, typer.Option(help="Which node this is, from 0.")] = 0,
    address: Annotated[str, typer.Option(help="Of node 0, as the other nodes reach it.")] = "",
    port: Annotated[int, typer.Option(help="Of node 0, where the processes meet.")] = 29500,
    accumulation: Annotated[int, typer.Option(help="As the recipe's own setting.")] = 1,
    show: Annotated[bool, typer.Option("--show", help="Print the command that it would start, and stop.")] = False,
) -> None:
    """Start a recipe on several GPUs or nodes: `veracity launch zero2-8 run RECIPE`; `list` shows the clusters."""
    if cluster == "list":
        list_clusters()
        return
    import shlex
    import subprocess

    from veracity.training.clusters import cluster as find
    from veracity.training.clusters import launch_command, require_deepspeed

    chosen = find(cluster)
    command = launch_command(chosen, arguments or [], rank=rank, address=address, port=port, accumulation=accumulation)
    if show:
        typer.echo(shlex.join(command))
        return
    require_deepspeed(chosen)
    raise typer.Exit(subprocess.run(command).returncode)


def list_clusters() -> None:
    """Print the shipped configurations."""
    from rich.table import Table

    from veracity.cli.console import make_console
    from veracity.training.clusters import clusters

    table = Table("cluster", "nodes", "processes", "what it is for", box=None, header_style="bold")
    for one in clusters():
        table.add_row(one.name, str(one.nodes), str(one.processes), one.about)
    make_console().print(table)
