"""Floor 9: the `veracity` command, a client of the Python API with one file a command group.

`--help` must answer at once: command modules import nothing but Typer at the top, and each command imports
what it needs when it is called.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of the console script."""
    from veracity.cli.app import app

    app()
