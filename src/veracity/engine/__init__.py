"""Floor 2: programs, their scheduler and their budget."""

from veracity.engine.engine import Engine
from veracity.engine.progress import Budget, Progress, Tally

__all__ = ["Budget", "Engine", "Progress", "Tally"]
