"""Runs `gv-gap` on a micro model in a process of its own, so that the test can kill it."""

import json
import sys


def main(recipe: str, runs: str) -> None:
    from rich.console import Console

    from veracity.experiments.running import run_recipe
    from veracity.report import page

    page.write_report = lambda path: path  # the tables are compared; drawing takes longer than all the rest
    run_recipe(json.loads(recipe), runs_folder=runs, name="run", console=Console(quiet=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
