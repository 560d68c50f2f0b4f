"""Race: log-probabilities of continuations, ours against lm-evaluation-harness's Hugging Face back end.

Both score the same model (random, about a million parameters, or `--model FOLDER`), each in its own process and virtual
environment, in turns, several rounds. Sums are compared before any time is believed. A table and one line of JSON are
printed; nothing is written unless `--out` says where. The peer's environment is made from the package index if missing.

Run: python benchmarks/race_scoring.py [--rounds 3] [--peer-venv FOLDER] [--out FILE]
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
from pathlib import Path

TOLERANCE = 1e-3
SPREAD_LIMIT = 0.20
WORKLOADS = {
    "500 contexts x 4 choices": {"contexts": 500, "choices": 4, "words": (100, 140), "bar": 2.5},
    "200 contexts x 10 continuations": {"contexts": 200, "choices": 10, "words": (95, 105), "bar": 6.0},
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


def build_workloads(seed: int = 1) -> dict[str, list[tuple[str, str]]]:
    """(context, continuation) pairs of each workload; continuations are two to four words."""
    rng = random.Random(seed)
    words = lexicon(random.Random(0))
    out = {}
    for name, shape in WORKLOADS.items():
        pairs = []
        for _ in range(shape["contexts"]):
            context = text(rng, words, rng.randint(*shape["words"]))
            pairs += [(context, " " + text(rng, words, rng.randint(2, 4))) for _ in range(shape["choices"])]
        out[name] = pairs
    return out


def matmul_rate(size: int = 768, repeats: int = 12) -> float:
    """Best float32 matrix-multiply rate of one thread at this moment, GFLOP/s."""
    import torch

    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def necessary_flops(folder: str, pairs: list[tuple[str, str]]) -> float:
    """Multiply-adds (×2) that no exact method can avoid: each context and continuation once, last tokens not."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    contexts = {context for context, _ in pairs}
    shared = sum(len(ids) for ids in tokenizer(sorted(contexts)).input_ids)
    branch = sum(len(ids) for ids in tokenizer([continuation for _, continuation in pairs]).input_ids)
    body = sum(p.numel() for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name)
    head = model.get_output_embeddings().weight.numel()
    return 2.0 * body * (shared + branch - len(pairs)) + 2.0 * head * (len(contexts) + branch - len(pairs))


def timed(call):
    """Result, wall seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def work_ours(folder: str) -> dict:
    from veracity.models.local import LocalModel

    model = LocalModel.load(folder, threads=1)
    workloads = build_workloads()
    model.score(next(iter(workloads.values()))[:64])
    out = {}
    for name, pairs in workloads.items():
        scored, wall, cpu = timed(lambda pairs=pairs: model.score(pairs))
        out[name] = {"wall": wall, "cpu": cpu, "sums": [s.total for s in scored]}
    return out


def work_lm_eval(folder: str, batch: int) -> dict:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=folder, device="cpu", dtype="float32", batch_size=batch)

    def score(pairs):
        requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
        return model.loglikelihood(requests, disable_tqdm=True)

    workloads = build_workloads()
    score(next(iter(workloads.values()))[:64])
    out = {}
    for name, pairs in workloads.items():
        scored, wall, cpu = timed(lambda pairs=pairs: score(pairs))
        out[name] = {"wall": wall, "cpu": cpu, "sums": [s[0] for s in scored]}
    return out


def work(kind: str, folder: str) -> None:
    import torch

    torch.set_num_threads(1)
    result = work_ours(folder) if kind == "ours" else work_lm_eval(folder, int(kind.rpartition(":")[2]))
    print("RESULT " + json.dumps({"rate": matmul_rate(), "workloads": result}))


def run_worker(python: str, kind: str, folder: str) -> dict:
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [python, __file__, "--worker", kind, "--model", folder]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
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
    racers = {"ours": sys.executable, "lm_eval:16": peer, "lm_eval:64": peer}
    runs: dict[str, list[dict]] = {kind: [] for kind in racers}
    for i in range(rounds):
        for kind, python in racers.items():
            runs[kind].append(run_worker(python, kind, folder))
            print(f"round {i + 1}: {kind} done, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    rate = statistics.median(r["rate"] for racer in runs.values() for r in racer)
    pairs = build_workloads()
    report = {name: compare(name, runs, necessary_flops(folder, pairs[name]), rate) for name in WORKLOADS}
    return {"threads": 1, "matmul_gflops": rate, "load": os.getloadavg()[0], "workloads": report}


def compare(name: str, runs: dict[str, list[dict]], flops: float, rate: float) -> dict:
    """Medians, ratios against the better batch size of the peer, and how far from the machine's own rate."""
    sums = {kind: racer[0]["workloads"][name]["sums"] for kind, racer in runs.items()}
    worst = max(abs(a - b) for a, b in zip(sums["ours"], sums["lm_eval:16"], strict=True))
    if not worst <= TOLERANCE:
        raise SystemExit(f"{name}: sums differ by {worst:.2g}, so no time is compared")
    walls = {kind: [r["workloads"][name]["wall"] for r in racer] for kind, racer in runs.items()}
    cpus = {kind: statistics.median(r["workloads"][name]["cpu"] for r in racer) for kind, racer in runs.items()}
    median = {kind: statistics.median(w) for kind, w in walls.items()}
    spread = {kind: (max(w) - min(w)) / median[kind] for kind, w in walls.items()}
    best = min(("lm_eval:16", "lm_eval:64"), key=lambda kind: median[kind])
    return {
        "requests": len(sums["ours"]),
        "largest_difference": worst,
        "seconds": median,
        "cpu_seconds": cpus,
        "spread": spread,
        "peer": best,
        "ratio": median[best] / median["ours"],
        "cpu_ratio": cpus[best] / cpus["ours"],
        "bar": WORKLOADS[name]["bar"],
        "steady": max(spread["ours"], spread[best]) <= SPREAD_LIMIT,
        "share_of_matmul_rate": flops / median["ours"] / 1e9 / rate,
    }


def show(report: dict) -> None:
    print(f"one thread, matrix multiply {report['matmul_gflops']:.0f} GFLOP/s, load {report['load']:.1f}")
    for name, r in report["workloads"].items():
        print(f"\n{name}: {r['requests']} requests, largest difference of a sum {r['largest_difference']:.1e}")
        for kind in r["seconds"]:
            per = r["requests"] / r["seconds"][kind]
            print(
                f"  {kind:12s} {r['seconds'][kind]:7.2f} s  {per:7.0f}/s  CPU {r['cpu_seconds'][kind]:6.2f} s  "
                f"spread {r['spread'][kind]:.0%}"
            )
        verdict = ("met" if r["ratio"] >= r["bar"] else "MISSED") if r["steady"] else "no verdict, spread over 20 %"
        print(
            f"  ratio {r['ratio']:.1f}x wall, {r['cpu_ratio']:.1f}x CPU; bar {r['bar']}x: {verdict}; necessary "
            f"work runs at {r['share_of_matmul_rate']:.0%} of the machine's own rate"
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
