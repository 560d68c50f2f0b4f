"""Race: many short samples a question, ours against the best-batched `transformers.generate(num_return_sequences=16)`.

Both run in this process on the same model (random, about a million parameters, or `--model FOLDER`), in turns. The peer
gets its prompts sorted by length and the batch size that suits it best. Greedy texts are compared before any time is
believed. The rule for a verdict is that of `race_scoring.py`. A table and one line of JSON are printed; nothing is
written unless `--out` says where.

The random model has one end mark in every six tokens of its vocabulary, so that texts end after about six tokens, as
short answers do; the limit is 24.

Run: python benchmarks/race_sampling.py [--rounds 3] [--model FOLDER] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
from pathlib import Path

import torch

from race_scoring import build_model, contest, lexicon, matmul_rate, show_contest, text, timed
from veracity.core.requests import Sampling
from veracity.models.local import LocalModel

BAR = 2.0
QUESTIONS, SAMPLES, LONGEST = 500, 16, 24
PEER_BATCHES = (16, 32, 64)


def questions(seed: int = 2) -> list[str]:
    """Questions of 6 to 16 words."""
    rng = random.Random(seed)
    words = lexicon(random.Random(0))
    return [text(rng, words, rng.randint(6, 16)) + "?" for _ in range(QUESTIONS)]


def peer_texts(model: LocalModel, prompts: list[str], batch: int, n: int, temperature: float) -> list[list[str]]:
    """What `transformers.generate` gives, prompts sorted by length and padded on the left."""
    tokenizer = model.tokenizer
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    out: list[list[str]] = [[] for _ in prompts]
    how = (
        {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        if temperature
        else {"do_sample": False}
    )
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        inputs = tokenizer([prompts[i] for i in part], padding=True, padding_side="left", return_tensors="pt")
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            ids = model.model.generate(**inputs, **how, max_new_tokens=LONGEST, num_return_sequences=n)
        texts = tokenizer.batch_decode(ids[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
        for k, i in enumerate(part):
            out[i] = texts[k * n : (k + 1) * n]
    return out


def our_texts(model: LocalModel, prompts: list[str], n: int, temperature: float) -> list[list[str]]:
    found = model.generate(prompts, n, Sampling(temperature=temperature, max_tokens=LONGEST))
    return [[s.text for s in samples] for samples in found]


def agreement(model: LocalModel, prompts: list[str]) -> float:
    """Share of prompts whose greedy texts are the same; an end mark that is a visible token is cut on both sides."""
    ours, theirs = our_texts(model, prompts, 1, 0.0), peer_texts(model, prompts, 32, 1, 0.0)
    return sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(prompts)


def drawn_tokens(model: LocalModel, prompts: list[str]) -> int:
    found = model.generate(prompts, SAMPLES, Sampling(temperature=1.0, max_tokens=LONGEST))
    return sum(s.output_tokens for samples in found for s in samples)


def necessary_flops(model: LocalModel, prompts: list[str], drawn: int) -> float:
    """Multiply-adds (×2) that cannot be avoided: each prompt once, each drawn token but the last of a text once."""
    body = sum(p.numel() for name, p in model.model.named_parameters() if p.dim() == 2 and "embed" not in name)
    head = model.model.get_output_embeddings().weight.numel()
    shared = sum(len(ids) for ids in model.tokenizer(prompts).input_ids)
    return 2.0 * body * (shared + drawn - len(prompts) * SAMPLES) + 2.0 * head * drawn


def race(model: LocalModel, rounds: int) -> dict:
    prompts = questions()
    same = agreement(model, prompts)
    if same < 0.99:
        raise SystemExit(f"greedy texts agree on {same:.1%} of the questions only, so no time is compared")
    racers = {"ours": lambda: our_texts(model, prompts, SAMPLES, 1.0)}
    for batch in PEER_BATCHES:
        racers[f"generate:{batch}"] = lambda batch=batch: peer_texts(model, prompts, batch, SAMPLES, 1.0)
    walls: dict[str, list[float]] = {kind: [] for kind in racers}
    cpus: dict[str, list[float]] = {kind: [] for kind in racers}
    rates = []
    for _ in range(rounds):
        for kind, call in racers.items():
            _, wall, cpu = timed(call)
            walls[kind].append(wall)
            cpus[kind].append(cpu)
        rates.append(matmul_rate())
    drawn = drawn_tokens(model, prompts)
    return summary(walls, cpus, rates, drawn, same, necessary_flops(model, prompts, drawn))


def summary(walls: dict, cpus: dict, rates: list[float], drawn: int, same: float, flops: float) -> dict:
    """The contest against the peer's best batch size, and how far ours is from the machine's own rate."""
    result = contest(walls, cpus, BAR)
    rate = statistics.median(rates)
    return result | {
        "threads": 1,
        "samples": QUESTIONS * SAMPLES,
        "drawn_tokens": drawn,
        "greedy_agreement": same,
        "matmul_gflops": rate,
        "share_of_matmul_rate": flops / result["cpu"]["seconds"]["ours"] / 1e9 / rate,
        "load": os.getloadavg()[0],
    }


def show(r: dict) -> None:
    print(f"one thread, matrix multiply {r['matmul_gflops']:.0f} GFLOP/s, load {r['load']:.1f}")
    print(
        f"{QUESTIONS} questions x {SAMPLES} samples, up to {LONGEST} tokens: {r['drawn_tokens'] / r['samples']:.1f} "
        f"drawn a sample; greedy texts the same on {r['greedy_agreement']:.1%}"
    )
    show_contest(r, r["samples"], "samples")
    print(f"  necessary work runs at {r['share_of_matmul_rate']:.0%} of the machine's own rate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help="model folder; a random one is built by default")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        if not arguments.model:
            build_model(Path(scratch), every=6)
        report = race(LocalModel.load(arguments.model or scratch, threads=1), arguments.rounds)
    show(report)
    print(json.dumps(report))
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
