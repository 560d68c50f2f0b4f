"""YAML text to plain values that remember their lines, so that a complaint about a value can say where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from veracity.core.errors import DataError
from veracity.world.imports_rows import Location

# Every scalar stays the text that was written: `no` is a word here, and 1.10 keeps its zero.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The values of one YAML file (mappings, lists and text) and the nodes that they came from."""

    path: Path
    value: Any
    root: yaml.Node

    def line_of(self, location: Location) -> int:
        """The line (from 1) of the value at `location`, or of the innermost thing around it that exists."""
        node, line = self.root, self.root.start_mark.line
        for part in location:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in node.value if k.value == part), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
        return line + 1


def read_yaml(path: Path, text: str) -> YamlDocument:
    """Parse one YAML document. Raises DataError for wrong syntax (with the line), repeated keys and nothing at all."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise DataError("holds nothing but comments or blanks; write the facts into it", path=path)
        _refuse_repeated_keys(path, root)
        value = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise DataError(f"is not valid YAML: {error.problem}; correct that line", path=path, line=line) from error
    except yaml.YAMLError as error:
        raise DataError(f"is not valid YAML: {error}; remove that character", path=path) from error
    except RecursionError as error:
        raise DataError("is nested too deeply to be a file of facts; check its brackets", path=path) from error
    finally:
        loader.dispose()
    return YamlDocument(path, value, root)


def _refuse_repeated_keys(path: Path, root: yaml.Node) -> None:
    """YAML would keep the last of two equal keys without a word; aliases could make the document refer to itself."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            line = node.start_mark.line + 1
            raise DataError("is used again by an alias (*); write the value out instead", path=path, line=line)
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: dict[str, int] = {}
            for key, child in node.value:
                line = key.start_mark.line + 1
                if str(key.value) in keys:
                    problem = f"stands already in line {keys[str(key.value)]}; keep one of them"
                    raise DataError(problem, path=path, line=line, field=str(key.value))
                keys[str(key.value)] = line
                waiting.append(child)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
