"""The source keeps its shape: short functions, short files, and a first line that says why a module exists."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

import veracity

FILES = sorted(Path(veracity.__file__).parent.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 600, 80


def functions(path: Path) -> dict[str, int]:
    """Lines of each function of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in found}


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_a_module_is_short_and_says_why_it_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    assert ast.get_docstring(ast.parse(text)), "give the module a docstring"
    too_long = {name: lines for name, lines in functions(path).items() if lines > LONGEST_FUNCTION}
    assert not too_long, f"functions over {LONGEST_FUNCTION} lines: {too_long}"


def test_most_functions_are_short() -> None:
    lengths = sorted(lines for path in FILES for lines in functions(path).values())
    assert statistics.median(lengths) <= 12
    assert lengths[int(len(lengths) * 0.9)] <= 40
