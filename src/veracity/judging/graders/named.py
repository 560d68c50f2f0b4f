"""Graders by what users write: a name with options, or a file with a specification as OpenAI's graders API has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError
from veracity.core.requests import Backend
from veracity.judging.graders.base import Grader, open_grader
from veracity.judging.graders.openai_spec import grader_from_spec
from veracity.judging.graders.python_source import PythonGrader


def named_grader(text: str) -> Grader:
    """The grader `text` names: `model?role=judge`, or the path of a specification that ends in `.json`.

    Raises:
        ConfigError: no such grader, option or file, or a specification that cannot be run here.
    """
    return grader_from_spec(specification_in(text)) if is_file(text) else open_grader(text)


def asks_a_model(grader: Grader) -> bool:
    """Whether a model gives its grades, or helps to."""
    return hasattr(grader, "role") and not isinstance(grader, PythonGrader)


def sandbox_of(grader: Grader) -> dict[str, Backend]:
    """The role of a grader of one's own code, played by a confined process; nothing for any other grader."""
    if not isinstance(grader, PythonGrader):
        return {}
    from veracity.models.agents.python_sandbox import python_sandbox

    return {grader.role: python_sandbox()}


def specification(text: str) -> dict[str, Any]:
    """What OpenAI's graders API is given for `text`; what a file holds is handed on as it is, whatever its type.

    Raises:
        ConfigError: as `named_grader`, but for specifications that only OpenAI can run.
    """
    return specification_in(text) if is_file(text) else open_grader(text).to_openai_spec()


def is_file(text: str) -> bool:
    """Whether a file of a specification is meant."""
    return "?" not in text and text.lower().endswith(".json")


def specification_in(path: str) -> dict[str, Any]:
    """The object in a JSON file. ConfigError if it cannot be read or holds none."""
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a grader's specification ({error}); give a JSON object") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: a grader's specification is a JSON object, not a {type(found).__name__}")
    return found
