"""Facts that a user brings: the gap paper's per-fact YAML, CSV and JSONL all become one `FactSet`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from veracity.core.errors import DataError
from veracity.core.text_rows import jsonl_records, read_text
from veracity.world.facts import Fact, FactSet
from veracity.world.imports_complete import relation_wordings, table_facts
from veracity.world.imports_documents import read_yaml
from veracity.world.imports_rows import refuse_repeats
from veracity.world.imports_table import fact_records, validated_rows
from veracity.world.imports_yaml import is_formatted, paper_fact

TEMPLATES = "templates.yaml"
Layout = Literal["yaml", "csv", "jsonl"]
_ENDINGS: dict[str, Layout] = {".yaml": "yaml", ".yml": "yaml", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


def read_facts(path: Path, *, seed: int = 0) -> FactSet:
    """Read the facts in `path`, whatever of the following it is; the content decides, the ending only in doubt.

    **The gap paper's YAML** (Davidson et al., 2026, arXiv 2605.27564), one file or a folder searched at any depth,
    one fact a file. Two kinds, never mixed in a folder:

    - raw: `relationship`, `sentences` [{sentence, version}] with `{relationship_head}` and `{topic}`, `questions`
      [{question, answer, version}] with `{topic}`, `instantiations` {`real_pairs`, `imaginary_pairs`} of {head, tail};
      optional `topic_category` (else the folder's name), `topic` (the class of the subject), `scenarios` (not used),
      `skip`. At least four imaginary heads, from which value, update, foil and control are drawn; the others become
      `imaginary_foils`. An imaginary tail becomes the subject, a real tail the control subject, real heads the
      `real_foils`. The draw depends on `seed`, category and file name alone. All questions are kept, in a drawn order.
    - formatted: `entities` {`topic`, `relationship_head` {`learn`, `update`}}, `correct_problems` [{problem, answer,
      version}], `control_problems`, `control_answers`, `task_id`, `train_sentences` [{sentence, version}]; optional
      `relationship`. Foil and control are the last two control answers, the others `real_foils` (the paper uses the
      first two). Entries with a `scenario_key` are not used.

    In both, a sentence or question may be plain text instead of a mapping, a pair may be `[head, tail]`, the pairs
    may stand at the top level, back-ticks are dropped, and a question with `{relationship_head}` alone is the reverse
    question. `a` or `an` before a name is corrected (`the`, where value and update need different ones).

    **CSV and JSONL** of `subject`, `relation`, `object` and optionally `id`, `category`, `subject_kind`, `update`,
    `foil`, `control`, `value_kind`, `exposure` (≥ 0), `reverse_question`, `control_subject` and the lists `aliases`,
    `real_foils`, `imaginary_foils`, `statements`, `questions`, `claims`, `denials` (in CSV a JSON list, or parts
    between `|`). `value` may stand for `object`. An optional field that is empty or null counts as not given.
    Statements, claims and denials hold `{subject}` and `{value}`, questions `{subject}`, reverse questions `{value}`.
    What a row leaves out comes from `templates.yaml` in the same folder (relation → those five). A missing update,
    foil or control is drawn from the other objects of the relation: it depends on `seed`, the fact's id and the set of
    objects, not on the order of rows, and never repeats a value that the subject has.

    In all of them a reverse question is dropped where several facts of the relation share the value. UTF-8, with or
    without a byte-order mark. Raises DataError with file, line and field for anything malformed.
    """
    path = Path(path)
    if path.is_dir():
        facts = _folder_facts(path, seed)
    elif path.is_file():
        facts = _file_facts(path, seed)
    else:
        raise DataError("does not exist; give a folder of YAML facts, or a YAML, CSV or JSONL file", path=path)
    return FactSet(_without_ambiguous_reverse(facts), origin=str(path))


def _folder_facts(folder: Path, seed: int) -> list[Fact]:
    found = (p for p in folder.rglob("*") if _ENDINGS.get(p.suffix.lower()) == "yaml" and p.is_file())
    files = sorted(p for p in found if p.name != TEMPLATES)
    if not files:
        raise DataError("holds no YAML facts; for CSV or JSONL give the file, not its folder", path=folder)
    return _yaml_facts(files, seed)


def _yaml_facts(files: Sequence[Path], seed: int) -> list[Fact]:
    documents = [read_yaml(file, read_text(file)) for file in files]
    kinds = [is_formatted(d) for d in documents]
    if len(set(kinds)) > 1:
        first = files[kinds.index(not kinds[0])]
        problem = f"is of another kind than {files[0]} (raw or formatted); read the two kinds from separate folders"
        raise DataError(problem, path=first)
    found = [(d.path, fact) for d in documents if (fact := paper_fact(d, seed=seed)) is not None]
    refuse_repeats("id", ((fact.id, file, None) for file, fact in found))
    refuse_repeats("topic", (((fact.relation, fact.subject), file, None) for file, fact in found))
    return [fact for _, fact in found]


def _file_facts(path: Path, seed: int) -> list[Fact]:
    text = read_text(path)
    layout = _layout(path, text)
    if layout == "yaml":
        return _yaml_facts([path], seed)
    entries = validated_rows(path, fact_records(path, text) if layout == "csv" else jsonl_records(path, text))
    beside = path.with_name(TEMPLATES)
    wordings = relation_wordings(read_yaml(beside, read_text(beside))) if beside.is_file() else {}
    return table_facts(path, entries, wordings, seed=seed)


def _layout(path: Path, text: str) -> Layout:
    """CSV, JSONL or YAML, by how the first line that says anything begins."""
    ending = _ENDINGS.get(path.suffix.lower())
    first = next((s for line in text.split("\n") if (s := line.strip()) and not s.startswith("#")), "")
    if first.startswith(("{", "[")):
        return "yaml" if ending == "yaml" else "jsonl"
    if first == "---" or re.match(r"[\w-]+:(\s|$)", first):
        return "yaml"
    return ending or "csv"


def _without_ambiguous_reverse(facts: Sequence[Fact]) -> list[Fact]:
    """A value that several subjects share has no single right answer in the reverse direction."""
    shared = Counter((f.relation, f.value.casefold()) for f in facts)
    return [f if shared[f.relation, f.value.casefold()] == 1 else replace(f, reverse_question=None) for f in facts]
