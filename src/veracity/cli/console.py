"""The console that all commands print to: as wide as the terminal, and wide enough for whole lines in a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 200


def make_console() -> Console:
    """A Rich console on stdout; where that is no terminal, lines are long and nothing is animated."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def hide_library_bars() -> None:
    """Keep Transformers from drawing bars of its own into ours; downloads from the hub still show theirs."""
    from transformers.utils import logging

    logging.disable_progress_bar()
