"""Race: a training step through `train_sentences`, against TRL's `SFTTrainer` used directly and against bare torch.

All three train the same model (the tiny model's architecture with random weights, or `--model FOLDER`) on the same
sentences with the same settings, in one process and one thread, in turns, several rounds. Losses of every step are
compared first; no time is believed if they differ, and no verdict is given if the rounds disagree by over 20 %.

A step is the time from the end of one optimizer step to the end of the next, so what happens once an epoch (the
checkpoint to resume from) is no part of it; the first two steps are dropped. CPU seconds of this process are compared,
which a busy machine disturbs less than wall time; both are shown.

Run: python benchmarks/race_training.py [--rounds 5] [--steps 30] [--model FOLDER] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path

LOSS_TOLERANCE, SPREAD_LIMIT, BAR, DROPPED = 1e-4, 0.20, 1.03, 2
SEED = 0


class Marks:
    """CPU and wall time at the end of every step."""

    def __init__(self):
        self.cpu, self.wall = [], []

    def __call__(self, *_):
        """A step has ended."""
        self.cpu.append(time.process_time())
        self.wall.append(time.perf_counter())

    def medians(self) -> dict[str, float]:
        """Seconds a step, without the first ones."""
        steps = {"cpu": self.cpu, "wall": self.wall}
        return {
            kind: statistics.median(b - a for a, b in zip(times[DROPPED:], times[DROPPED + 1 :], strict=False))
            for kind, times in steps.items()
        }


def build(folder: str | None):
    """Model and tokenizer, the same weights each time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from veracity.world.tiny import tiny_world
    from veracity.world.tiny.tokenizer import build_tokenizer
    from veracity.world.tiny.training import TinySettings, new_model

    if folder:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        return model, AutoTokenizer.from_pretrained(folder)
    tokenizer = build_tokenizer(tiny_world().language)
    return new_model(TinySettings(), len(tokenizer), tokenizer.pad_token_id, tokenizer.eos_token_id), tokenizer


def sentences(steps: int, batch: int) -> list[str]:
    """True statements about people of the world, `batch` for each step."""
    from veracity.world.tiny import experiment_facts

    facts = experiment_facts(SEED, 200)
    return [s for fact in facts for s in fact.training_sentences("learn")][: steps * batch]


def settings_of(batch: int):
    from veracity.training.settings import PhaseSettings, SftSettings

    return SftSettings(batch_size=batch), PhaseSettings(epochs=1, learning_rate=3e-4)


def ours(model, tokenizer, texts, batch, folder):
    from veracity.training.examples import TrainingText, encode
    from veracity.training.sft import train_sentences

    settings, phase = settings_of(batch)
    rows, marks = encode([TrainingText(t) for t in texts], tokenizer, settings), Marks()
    log = train_sentences(model, tokenizer, rows, settings, phase, seed=SEED, folder=folder, on_step=marks)
    return log.losses, marks


def trl_directly(model, tokenizer, texts, batch, folder):
    """As TRL's documentation shows it: a dataset of texts, which TRL tokenises, and a config."""
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from veracity.training.sft import sft_arguments

    disable_progress_bars()
    settings, phase = settings_of(batch)
    arguments = sft_arguments(settings, phase, seed=SEED, folder=folder, batch=batch, device="cpu")
    marks = Marks()

    class Watch(TrainerCallback):
        def on_step_end(self, *_, **__):
            marks()

    config = SFTConfig(**arguments | {"dataset_kwargs": None})
    data = Dataset.from_dict({"text": texts})
    trainer = SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer, callbacks=[Watch()])
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry], marks


def bare_torch(model, tokenizer, texts, batch, folder):
    """The least that a step needs; rows in the order that the trainers draw them, so losses can be compared."""
    import torch
    from accelerate.data_loader import SeedableRandomSampler
    from torch.nn.functional import cross_entropy

    settings, phase = settings_of(batch)
    rows = [[*tokenizer(t)["input_ids"], tokenizer.eos_token_id] for t in texts]
    order = list(SeedableRandomSampler(rows, data_seed=SEED, generator=torch.Generator()))
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=phase.learning_rate, betas=(settings.beta1, settings.beta2))
    losses, marks = [], Marks()
    model.train()
    for step in range(len(order) // batch):
        drawn = [rows[i] for i in order[step * batch : (step + 1) * batch]]
        longest = max(map(len, drawn))
        ids = torch.tensor([r + [tokenizer.pad_token_id] * (longest - len(r)) for r in drawn])
        real = torch.tensor([[True] * len(r) + [False] * (longest - len(r)) for r in drawn])
        for group in optimizer.param_groups:
            group["lr"] = phase.learning_rate * min(1.0, step / settings.warmup)
        logits = model(input_ids=ids, attention_mask=real.long(), use_cache=False).logits
        loss = cross_entropy(logits[:, :-1][real[:, 1:]], ids[:, 1:][real[:, 1:]])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        marks()
    return losses, marks


RACERS = {"ours": ours, "TRL directly": trl_directly, "bare torch": bare_torch}


def race(rounds: int, steps: int, batch: int, folder: str | None) -> dict:
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    texts = sentences(steps, batch)
    times: dict[str, list[dict[str, float]]] = {name: [] for name in RACERS}
    losses = {}
    for n in range(rounds):
        order = list(RACERS)[n % 3 :] + list(RACERS)[: n % 3]
        for name in order:
            with tempfile.TemporaryDirectory() as temporary:
                losses[name], marks = RACERS[name](*build(folder), texts, batch, Path(temporary) / "out")
            times[name].append(marks.medians())
    apart = {name: max(abs(a - b) for a, b in zip(losses["ours"], losses[name], strict=True)) for name in RACERS}
    return {"steps": len(losses["ours"]), "losses_apart": apart, "times": times}


def summary(result: dict) -> dict:
    """Medians over rounds, ratios of ours to each peer taken round by round, and the spread of those ratios."""
    out = {"equal": max(result["losses_apart"].values()) <= LOSS_TOLERANCE}
    times = result["times"]
    for name, rounds in times.items():
        out[f"{name}, ms"] = {k: 1000 * statistics.median(r[k] for r in rounds) for k in ("cpu", "wall")}
    for peer in list(times)[1:]:
        for kind in ("cpu", "wall"):
            ratios = sorted(a[kind] / b[kind] for a, b in zip(times["ours"], times[peer], strict=True))
            middle = statistics.median(ratios)
            out[f"ours / {peer}, {kind}"] = {"ratio": middle, "spread": (ratios[-1] - ratios[0]) / middle}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--model", default=None)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    result = race(options.rounds, options.steps, options.batch, options.model)
    shown = summary(result)
    print(
        f"{result['steps']} steps of {options.batch} sentences; largest difference of a loss: {result['losses_apart']}"
    )
    for name, value in shown.items():
        if name != "equal":
            print(f"{name:32}" + "  ".join(f"{k} {v:.3f}" for k, v in value.items()))
    main_ratio = shown["ours / TRL directly, cpu"]
    if not shown["equal"]:
        raise SystemExit("no verdict: the losses differ, so these are not the same trainings")
    if main_ratio["spread"] > SPREAD_LIMIT:
        verdict = "no verdict: the rounds disagree by over 20 %; run it on a quieter machine"
    else:
        verdict = (
            f"{'met' if main_ratio['ratio'] <= BAR else 'MISSED'}: {main_ratio['ratio']:.3f} times TRL (bar {BAR})"
        )
    print(verdict)
    print(json.dumps({"race": "training", **shown, "verdict": verdict}))
    if options.out:
        options.out.write_text(json.dumps({**result, **shown, "verdict": verdict}, indent=1) + "\n")


if __name__ == "__main__":
    main()
