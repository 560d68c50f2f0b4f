"""Can so small a model learn true/false verdicts in text? Variants of the tiny model's training, compared.

Each variant continues the shipped model's training with verdicts only (open book first, then closed book as
well), with its own share of closed-book claims and weight of the loss on the verdict word, or trains a deeper
model from scratch. Printed: share of right verdicts on asked and told entities (closed book) and on absent
people with the evidence in front (open book), and what the continued training cost in open questions.

    python benchmarks/tiny_verdicts.py RUN_FOLDER --steps 1000

RUN_FOLDER is what `veracity tiny train` wrote.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from veracity.core.identity import derive_seed
from veracity.experiments.tiny_abilities import measure_abilities
from veracity.models.local import LocalModel
from veracity.world.tiny import tiny_world
from veracity.world.tiny.curriculum import Curriculum
from veracity.world.tiny.packing import pack
from veracity.world.tiny.training import encode

WATCHED = ("Open questions", "True/false verdicts in text")


@dataclass(frozen=True)
class Variant:
    """One way of teaching verdicts."""

    name: str
    open_book: float
    """Share of open-book verdicts in the first half; half of that afterwards."""
    closed_book: float
    """Share of closed-book verdicts in the second half; none before."""
    weight: float
    """Weight of the loss on the verdict word."""


VARIANTS = (
    Variant("as shipped, longer", 0.05, 0.05, 1.0),
    Variant("reading first, then closed book", 0.4, 0.4, 1.0),
    Variant("reading first, then closed book, verdict word ×5", 0.4, 0.4, 5.0),
)


def documents(curriculum: Curriculum, variant: Variant, step: int, steps: int, count: int) -> list[Any]:
    rng = Random(derive_seed(1, variant.name, step))
    late = step >= steps // 2
    open_book = variant.open_book / (2 if late else 1)
    closed_book = variant.closed_book if late else 0.0
    verdicts = []
    for _ in range(count):
        draw = rng.random()
        if draw < open_book:
            verdicts.append(curriculum._reading(rng))
        elif draw < open_book + closed_book:
            verdicts.append(curriculum._verdict(rng))
    rest = curriculum.documents(1_000_000 + step, count - len(verdicts), settled=True)
    mixed = verdicts + rest
    rng.shuffle(mixed)
    return mixed


def teach(folder: Path, variant: Variant, steps: int, rate: float) -> LocalModel:
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.05)
    words = torch.tensor(tokenizer("true false", add_special_tokens=False).input_ids)
    curriculum = Curriculum(tiny_world(), 0)
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50, 0.02 + 2 * (steps - step) / steps)
        texts = encode(tokenizer, documents(curriculum, variant, step, steps, 341))
        ids, labels = (torch.from_numpy(a) for a in pack(texts, 64, 64, tokenizer.pad_token_id))
        logits = model(input_ids=ids).logits[:, :-1]
        target = labels[:, 1:]
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
        weights = torch.where(torch.isin(target.flatten(), words), variant.weight, 1.0) * (target.flatten() >= 0)
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    return LocalModel.wrap(model, tokenizer, name=variant.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--only", help="a part of the name of the variants to try")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    world = tiny_world()
    rows = []
    models = {"before": lambda: LocalModel.load(arguments.folder / "model")}
    for variant in (v for v in VARIANTS if (arguments.only or "") in v.name):
        models[variant.name] = lambda v=variant: teach(arguments.folder, v, arguments.steps, arguments.rate)
    for name, make in models.items():
        started = time.perf_counter()
        model = make()
        for ability in measure_abilities(model, world, Curriculum(world, 0)):
            if ability.group in WATCHED:
                print(f"{name:50} {ability.name:65} {ability.estimate:.3f}", flush=True)
                rows.append({"variant": name, "ability": ability.name, "value": ability.estimate.value})
        print(f"{name:50} {time.perf_counter() - started:.0f} s", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
