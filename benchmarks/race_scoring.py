"""Race: log-probabilities of continuations, ours against lm-evaluation-harness's Hugging Face back end.

Both score the same model (random, about a million parameters, or `--model FOLDER`), each in its own process and virtual
environment, in turns, several rounds. Sums are compared before any time is believed. The peer's best batch size counts.
A ratio gets a verdict after three rounds whose times differ by at most 20 %: wall times, or where other work on the
machine spreads those, CPU times. A table and one line of JSON are printed; nothing is written unless `--out` says
where. The peer's environment is made from the package index if missing.

Run: python benchmarks/race_scoring.py [--rounds 3] [--model FOLDER] [--peer-venv FOLDER] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path

TOLERANCE = 1e-3
SPREAD_LIMIT = 0.20
ROUNDS_NEEDED = 3
PEER_BATCHES = (8, 16, 64)
WORKLOADS = {
    "500 contexts of 60 tokens x 4 choices": {"contexts": 500, "choices": 4, "tokens": 60, "bar": 2.5},
    "500 contexts of 120 tokens x 4 choices": {"contexts": 500, "choices": 4, "tokens": 120, "bar": 2.5},
    "200 contexts of 100 tokens x 10 continuations": {"contexts": 200, "choices": 10, "tokens": 100, "bar": 6.0},
}


def lexicon(rng: random.Random, size: int = 1500) -> list[str]:
    """Invented words of two to four syllables."""
    words: set[str] = set()
    while len(words) < size:
        words.add("".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(2, 4))))
    return sorted(words)


def text(rng: random.Random, words: list[str], length: int) -> str:
    """Words drawn by Zipf's law."""
    return " ".join(words[min(int(rng.paretovariate(0.7)) - 1, len(words) - 1)] for _ in range(length))


def build_model(folder: Path, seed: int = 0, every: int = 0) -> None:
    """Save a Llama of 4 layers, width 128, 1,700 byte-pair tokens; each `every`-th one an end mark."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    rng = random.Random(seed)
    words = lexicon(rng)
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1700,
        special_tokens=["</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([text(rng, words, 50) for _ in range(2000)], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="</s>", pad_token="</s>")
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.1,
        bos_token_id=None,
        eos_token_id=0,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = list(range(0, len(tokenizer), every)) if every else 0
    model.generation_config.pad_token_id = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def build_workloads(folder: str, seed: int = 1) -> dict[str, list[tuple[str, str]]]:
    """(context, continuation) pairs of each workload.

    Contexts have about the tokens that the workload names (within 15 %), by this model's tokenizer; continuations are
    two to four words.
    """
    from transformers import AutoTokenizer

    rng = random.Random(seed)
    words = lexicon(random.Random(0))
    pieces = AutoTokenizer.from_pretrained(folder)([" " + word for word in words], add_special_tokens=False).input_ids
    cost = {word: len(ids) for word, ids in zip(words, pieces, strict=True)}
    out = {}
    for name, shape in WORKLOADS.items():
        pairs = []
        for _ in range(shape["contexts"]):
            left = shape["tokens"] * rng.uniform(0.85, 1.15)
            drawn = text(rng, words, int(left)).split()
            fit = sum(used <= left for used in accumulate(cost[word] for word in drawn))
            context = " ".join(drawn[:fit])
            pairs += [(context, " " + text(rng, words, rng.randint(2, 4))) for _ in range(shape["choices"])]
        out[name] = pairs
    return out


def matmul_rate(size: int = 768, repeats: int = 12) -> float:
    """Best float32 matrix-multiply rate of one thread at this moment, GFLOP/s of CPU time."""
    import torch

    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / min(timed(lambda: torch.mm(a, b))[2] for _ in range(repeats)) / 1e9


def necessary_flops(folder: str, pairs: list[tuple[str, str]]) -> float:
    """Multiply-adds (×2) of the weights that no exact method can avoid, without those of attention.

    Each context once, each beginning of its continuations once, and nothing for a last token, which predicts nothing.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    contexts = {context for context, _ in pairs}
    shared = sum(len(ids) for ids in tokenizer(sorted(contexts)).input_ids)
    branches = tokenizer([continuation for _, continuation in pairs], add_special_tokens=False).input_ids
    beginnings = {
        (context, *ids[:k]) for (context, _), ids in zip(pairs, branches, strict=True) for k in range(1, len(ids))
    }
    body = sum(p.numel() for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name)
    head = model.get_output_embeddings().weight.numel()
    return 2.0 * body * (shared + len(beginnings)) + 2.0 * head * (len(contexts) + len(beginnings))


def timed(call):
    """Result, wall seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def shares(model, pairs: list[tuple[str, str]]) -> dict[str, float]:
    """Where our wall time goes, from one profiled run."""
    from torch.profiler import ProfilerActivity, profile

    texts = [context + continuation for context, continuation in pairs]
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        whole = timed(lambda: model.score(pairs))[1]
    spent = {event.key: event.self_cpu_time_total / 1e6 for event in profiler.key_averages()}
    parts = {
        "weights": sum(s for key, s in spent.items() if key in ("aten::mm", "aten::addmm", "aten::bmm")),
        "attention": sum(s for key, s in spent.items() if "scaled_dot_product" in key),
        "tokenizing": timed(lambda: model.tokenizer(texts, add_special_tokens=False))[1],
    }
    return {part: seconds / whole for part, seconds in parts.items()}


def race_through(score, workloads: dict[str, list]) -> dict[str, dict]:
    """Time `score` on each workload, after a warm-up."""
    score(next(iter(workloads.values()))[:64])
    out = {}
    for name, pairs in workloads.items():
        sums, wall, cpu = timed(lambda pairs=pairs: score(pairs))
        out[name] = {"wall": wall, "cpu": cpu, "sums": sums}
    return out


def work_ours(folder: str, workloads: dict[str, list]) -> dict[str, dict]:
    from veracity.models.local import LocalModel

    model = LocalModel.load(folder, threads=1)
    out = race_through(lambda pairs: [scored.total for scored in model.score(pairs)], workloads)
    return {name: result | {"shares": shares(model, workloads[name])} for name, result in out.items()}


def work_lm_eval(folder: str, workloads: dict[str, list], batch: int) -> dict[str, dict]:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=folder, device="cpu", dtype="float32", batch_size=batch)

    def score(pairs):
        requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
        return [total for total, _ in model.loglikelihood(requests, disable_tqdm=True)]

    return race_through(score, workloads)


def work(kind: str, folder: str) -> None:
    """One racer's turn: pairs on standard input, its times and sums on standard output."""
    import torch

    torch.set_num_threads(1)
    workloads = {name: [tuple(pair) for pair in pairs] for name, pairs in json.load(sys.stdin).items()}
    name, _, batch = kind.partition(":")
    result = work_ours(folder, workloads) if name == "ours" else work_lm_eval(folder, workloads, int(batch))
    print("RESULT " + json.dumps({"rate": matmul_rate(), "workloads": result}))


def run_worker(python: str, kind: str, folder: str, workloads: str) -> dict:
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [python, __file__, "--worker", kind, "--model", folder]
    run = subprocess.run(command, env=env, input=workloads, capture_output=True, text=True, check=False)
    lines = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{kind} failed:\n{run.stdout[-2000:]}\n{run.stderr[-4000:]}")
    return json.loads(lines[-1][7:])


def peer_python(folder: Path) -> str:
    """The peer's interpreter; its environment is made with the versions of torch and transformers used here."""
    python = folder / "bin" / "python"
    if python.exists():
        return str(python)
    import torch
    import transformers

    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pins = [f"torch=={torch.__version__}", f"transformers=={transformers.__version__}", "accelerate", "lm_eval==0.4.13"]
    subprocess.run([str(python), "-m", "pip", "install", "-q", *pins], check=True)
    return str(python)


def race(rounds: int, venv: Path, folder: str) -> dict:
    peer = peer_python(venv)
    racers = {"ours": sys.executable} | {f"lm_eval:{batch}": peer for batch in PEER_BATCHES}
    workloads = build_workloads(folder)
    runs: dict[str, list[dict]] = {kind: [] for kind in racers}
    for i in range(rounds):
        for kind, python in racers.items():
            runs[kind].append(run_worker(python, kind, folder, json.dumps(workloads)))
            print(f"round {i + 1}: {kind} done, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    rate = statistics.median(r["rate"] for racer in runs.values() for r in racer)
    report = {name: compare(name, runs, necessary_flops(folder, pairs), rate) for name, pairs in workloads.items()}
    return {"threads": 1, "matmul_gflops": rate, "load": os.getloadavg()[0], "workloads": report}


def contest(walls: dict[str, list[float]], cpus: dict[str, list[float]], bar: float) -> dict:
    """Medians and spreads of wall and CPU seconds, and ours against the fastest other, with a verdict or none.

    The fastest is chosen for each kind of time by itself, so that no ratio is against a peer slowed by other load.
    """
    out: dict = {"bar": bar, "rounds": len(walls["ours"])}
    for kind, times in {"wall": walls, "cpu": cpus}.items():
        median = {racer: statistics.median(t) for racer, t in times.items()}
        spread = {racer: (max(t) - min(t)) / median[racer] for racer, t in times.items()}
        best = min((racer for racer in median if racer != "ours"), key=lambda racer: median[racer])
        out[kind] = {
            "seconds": median,
            "spread": spread,
            "peer": best,
            "ratio": median[best] / median["ours"],
            "steady": max(spread["ours"], spread[best]) <= SPREAD_LIMIT,
        }
    carrier = next((kind for kind in ("wall", "cpu") if out[kind]["steady"]), None)
    if out["rounds"] < ROUNDS_NEEDED or carrier is None:
        out["verdict"] = f"none ({out['rounds']} rounds, spread limit {SPREAD_LIMIT:.0%} from {ROUNDS_NEEDED} on)"
    else:
        out["verdict"] = f"{'met' if out[carrier]['ratio'] >= bar else 'MISSED'} in {carrier} time"
    return out


def compare(name: str, runs: dict[str, list[dict]], flops: float, rate: float) -> dict:
    """Equality first; then the contest, and how far ours is from the machine's own rate."""
    sums = {kind: racer[0]["workloads"][name]["sums"] for kind, racer in runs.items()}
    worst = max(abs(a - b) for kind in sums for a, b in zip(sums["ours"], sums[kind], strict=True))
    if not worst <= TOLERANCE:
        raise SystemExit(f"{name}: sums differ by {worst:.2g}, so no time is compared")
    walls, cpus = (
        {kind: [r["workloads"][name][time] for r in racer] for kind, racer in runs.items()} for time in ("wall", "cpu")
    )
    result = contest(walls, cpus, WORKLOADS[name]["bar"])
    parts = [r["workloads"][name]["shares"] for r in runs["ours"]]
    return result | {
        "requests": len(sums["ours"]),
        "largest_difference": worst,
        "share_of_matmul_rate": flops / result["cpu"]["seconds"]["ours"] / 1e9 / rate,
        "shares": {part: statistics.median(p[part] for p in parts) for part in parts[0]},
    }


def show_contest(r: dict, items: int, unit: str) -> None:
    """The table of `contest`, one line a racer."""
    wall, cpu = r["wall"], r["cpu"]
    for racer, seconds in wall["seconds"].items():
        print(
            f"  {racer:12s} wall {seconds:7.2f} s (spread {wall['spread'][racer]:4.0%})"
            f"  {items / seconds:6.0f} {unit}/s"
            f"   CPU {cpu['seconds'][racer]:7.2f} s (spread {cpu['spread'][racer]:4.0%})"
        )
    print(
        f"  ratio {wall['ratio']:.1f}x wall (against {wall['peer']}), {cpu['ratio']:.1f}x CPU (against {cpu['peer']}); "
        f"bar {r['bar']}x: {r['verdict']}"
    )


def show(report: dict) -> None:
    print(f"one thread, matrix multiply {report['matmul_gflops']:.0f} GFLOP/s, load {report['load']:.1f}")
    for name, r in report["workloads"].items():
        print(f"\n{name}: {r['requests']} requests, largest difference of a sum {r['largest_difference']:.1e}")
        show_contest(r, r["requests"], "requests")
        rest = 1 - sum(r["shares"].values())
        print(
            f"  necessary work runs at {r['share_of_matmul_rate']:.0%} of the machine's own rate; our time: "
            + ", ".join(f"{part} {share:.0%}" for part, share in r["shares"].items())
            + f", all else {rest:.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help="model folder; a random one is built by default")
    parser.add_argument("--peer-venv", type=Path, default=Path(tempfile.gettempdir()) / "peer_lm_eval")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return work(arguments.worker, arguments.model)
    with tempfile.TemporaryDirectory() as scratch:
        if not arguments.model:
            build_model(Path(scratch))
        report = race(arguments.rounds, arguments.peer_venv, arguments.model or scratch)
    show(report)
    print(json.dumps(report))
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1))
    return None


if __name__ == "__main__":
    main()
