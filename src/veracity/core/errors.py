"""One family of errors: each says what was wrong, where, and what to do about it.

Everything that Veracity raises on purpose is a `VeracityError`. A message names the place (file, line,
key, row id) and ends with the remedy. Secrets never appear in a message.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class VeracityError(Exception):
    """Base of every error that Veracity raises on purpose; the command line prints it and exits with 1."""


class ConfigError(VeracityError):
    """A setting that does not exist, has the wrong type, or contradicts another one."""


class DataError(VeracityError):
    """A malformed input file; the message starts with the file, and the line and field where known."""

    def __init__(
        self, problem: str, *, path: Path | str | None = None, line: int | None = None, field: str | None = None
    ) -> None:
        place = str(path) if path is not None else ""
        if line is not None:
            place += f", line {line}"
        if field is not None:
            place += f", field {field!r}" if place else f"field {field!r}"
        super().__init__(f"{place}: {problem}" if place else problem)
        self.path, self.line, self.field = path, line, field


class ModelError(VeracityError):
    """A model could not be loaded, or could not do what was asked of it."""


class CapabilityError(ModelError):
    """A model lacks an ability that the work needs (chat template, log-probabilities, …)."""


class ContextLengthError(ModelError):
    """A prompt does not fit into the model's context; nothing is ever cut silently."""


class NonFiniteError(ModelError):
    """A model produced NaN or infinity where a number was needed."""


class TrainingStoppedError(ModelError):
    """A training was ended before its time, for the reason given; what was learned until then is kept."""


class ServerError(ModelError):
    """A provider answered with an error, timed out or broke the connection, and trying again did not help."""


class RateLimitError(ServerError):
    """A provider refused for too many requests until the attempts were used up."""


class AuthenticationError(ModelError):
    """A provider did not accept the key, or the key may not use this model."""


class MalformedReplyError(ServerError):
    """A provider's answer is not what its protocol promises: HTML, truncated JSON, missing fields."""


class EmptyReplyError(ModelError):
    """A provider answered without any text; it is a failure, never an empty answer."""


class FilteredError(ModelError):
    """A provider's content filter withheld the whole answer."""


class SkippedError(ModelError):
    """A person chose not to answer."""


class AgentError(ModelError):
    """An agent ended without an answer; what it had said and done until then is in `transcript`."""

    def __init__(self, problem: str, transcript: tuple[Any, ...] = ()) -> None:
        super().__init__(problem)
        self.transcript = transcript
        """Messages, oldest first."""


class AgentLimitError(AgentError):
    """An agent reached its limit of time, turns or money and was stopped."""


class StoreError(VeracityError):
    """The ledger or a run folder could not be read or written."""


class BudgetExceededError(VeracityError):
    """A budget of money, tokens or requests is spent; the run can be resumed with a larger one."""


class MissingExtraError(VeracityError):
    """An optional dependency is not installed; the message holds the command that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {package}: install it with `pip install "veracity[{extra}]"`')
        self.package, self.extra = package, extra
