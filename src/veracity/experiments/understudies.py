"""Who and what stands in for models, judges and data where a recipe is rehearsed: small, offline, of the same make.

A model's understudy has its architecture, scaled down, with random weights and the embedded model's tokenizer. Judges
keep to the forms that prompts ask for (`models.simulated.understudy`). Published data sets become files of a few rows
in their own schema, about people of the embedded world, whose articles are the corpus.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from veracity.core.config import Settings
from veracity.experiments.base_models import architecture_of
from veracity.experiments.desk import RoleSettings
from veracity.training.rl_settings import RlSettings
from veracity.training.settings import OptimizationSettings

S = TypeVar("S", bound=Settings)
TITLES = 60
"""Rows of a data set's stand-in: some thirty of them in the train split, a dozen in each other."""
COMPLETION = 12
"""Tokens that a random model writes at most."""


@dataclass
class Understudies:
    """A cast for one rehearsal; `changes` collects what it does otherwise than the recipe, by the setting's name."""

    folder: Path
    changes: dict[str, str] = field(default_factory=dict)

    def model(self, name: str) -> str:
        """A small random model with the architecture of `name`, a Llama if that is not known; `tiny` stays as it is."""
        if name == "tiny":
            return name
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from veracity.world import tiny

        folder = self.folder / "model"
        if not folder.exists():
            tokenizer = AutoTokenizer.from_pretrained(tiny.folder())
            with torch.random.fork_rng():
                torch.manual_seed(0)
                model = AutoModelForCausalLM.from_config(_scaled_down(name, tokenizer))
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        self.changes["model"] = f"{name} → random weights, two layers"
        return str(folder)

    def roles(self, given: RoleSettings) -> RoleSettings:
        """The same roles, and a judge in any case; the corpus is the embedded world's."""
        named = {r: getattr(given, r) for r in ("judge", "extractor", "verifier", "nli", "oracle")}
        cast = {role: stand_in(name or "nobody") for role, name in named.items() if name or role == "judge"}
        self.changes["roles"] = ", ".join(f"{role} by an understudy" for role in cast)
        return given.model_copy(update={**cast, "corpus": "world"})

    def domain(self, spec: str) -> str:
        """A few rows in the schema of a published data set; other domains are as they are."""
        name = spec.partition("?")[0]
        if name not in SCHEMAS:
            return spec
        from veracity.domains import open_domain

        people = open_domain("world-biographies").problems(TITLES, "all")
        rows = [SCHEMAS[name](number, problem.cluster) for number, problem in enumerate(people)]
        path = self.folder / f"{name}.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        self.changes[f"domain {name}"] = f"{len(rows)} rows about people of the embedded world"
        return f"{name}?path={path}"

    def trainer(self, name: str, settings: OptimizationSettings) -> dict[str, Any]:
        """What changes about a trainer's settings: sizes and where it logs, and nothing about how it learns."""
        changed: dict[str, Any] = {"accumulation": min(2, settings.accumulation), "log_to": "none"}
        if isinstance(settings, RlSettings):
            changed |= self._reinforcement(name, settings, changed["accumulation"])
        else:
            changed |= {"batch_size": 2 * changed["accumulation"], "epochs": 1, "save_every": 0}
        shown = ", ".join(f"{k}={v}" for k, v in changed.items() if getattr(settings, k) != v)
        self.changes[name] = shown or "as it is"
        return changed

    def _reinforcement(self, name: str, settings: RlSettings, accumulation: int) -> dict[str, Any]:
        changed: dict[str, Any] = {
            "batch_size": settings.group_size * 2 * accumulation,
            "steps": 2 * settings.cycle,
            "max_completion_length": COMPLETION,
            "save_every": settings.cycle,
            "when_equal": "warn",
            "max_missing": 0.99,
        }
        if settings.resampling is not None:
            changed["resampling"] = settings.resampling.model_copy(update={"samples": 2, "problems": None})
        if settings.generator == "vllm" and not _has_vllm():
            changed["generator"] = "transformers"
        return changed


def stand_in(name: str) -> str:
    """Who plays a judge in its place; options are the model's own."""
    return f"understudy/{name.partition('?')[0]}"


def small(settings: S, changes: Mapping[str, Any]) -> S:
    """`settings` with other values, by dotted name, validated anew."""
    values = settings.model_dump()
    for name, value in changes.items():
        *sections, last = name.split(".")
        place = values
        for section in sections:
            place = place[section]
        place[last] = value.model_dump() if isinstance(value, Settings) else value
    return type(settings).model_validate(values)


def of_trainer(name: str, changed: Mapping[str, Any]) -> dict[str, Any]:
    """A trainer's changes by their dotted names."""
    return {f"{name}.{key}": value for key, value in changed.items()}


def _scaled_down(name: str, tokenizer: Any) -> Any:
    from transformers import AutoConfig

    from veracity.world import tiny

    known = architecture_of(name)
    if known is None:
        return AutoConfig.from_pretrained(tiny.folder(), num_hidden_layers=2)
    grouped = known.kv_heads < known.heads
    return known.configuration(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2 if grouped else 4,
        intermediate_size=128,
        vocab_size=len(tokenizer),
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )


def _has_vllm() -> bool:
    from importlib.util import find_spec

    return find_spec("vllm") is not None


def _asked(title: str) -> str:
    return f"Where was {title} born?"


SCHEMAS: Mapping[str, Any] = {
    "factscore-biographies": lambda n, title: {"topic": title},
    "longwiki": lambda n, title: {"prompt": f"Tell me about {title}.", "title": title},
    "longfact": lambda n, title: {"prompt": f"Tell me about {title}."},
    "eli5": lambda n, title: {"q_id": str(n), "title": f"Who is {title}?"},
    "simpleqa": lambda n, title: {"problem": _asked(title), "answer": f"Town {n}"},
    "popqa": lambda n, title: {
        "id": n, "subj": title, "prop": "birthplace", "obj": f"Town {n}", "question": _asked(title),
        "possible_answers": json.dumps([f"Town {n}"]), "s_pop": 10, "o_pop": 10,
    },
    "triviaqa": lambda n, title: {
        "question_id": str(n), "question": _asked(title),
        "answer": {"value": f"Town {n}", "aliases": [f"Town {n}"]}, "question_source": "",
    },
    "selfaware": lambda n, title: {
        "question_id": n, "question": _asked(title), "answer": [f"Town {n}"] if n % 3 else [],
        "answerable": bool(n % 3), "source": "",
    },
}  # fmt: skip
"""Domain → a row of its published schema, from a number and a person."""
