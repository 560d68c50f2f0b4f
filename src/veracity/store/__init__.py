"""Floor 1: ledger and run folders, written so that nothing is lost at any byte."""

from veracity.store.ledger import Ledger
from veracity.store.run import Run, RunFolder, runs

__all__ = ["Ledger", "Run", "RunFolder", "runs"]
