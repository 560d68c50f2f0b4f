"""Race: a GRPO step of 512 completions through Veracity, against TRL's own `GRPOTrainer` with the same settings.

Both train the tiny model on biographies of its world, with the same configuration of TRL, the same prompts in the same
order, and the same judge and reward: each sentence looked up in the world. They differ in what draws the completions,
our engine or `transformers.generate`, in whether log-probabilities are computed on padding, and in our log. Steps are
timed one by one, in turns, in wall and CPU seconds; the first step of each racer is warm-up. The greedy completions of
both are compared before any time is believed. A third racer is TRL's trainer with our engine and padding as before, so
that what the generator gains and what the update gains are told apart.

Beside the ratio of whole steps stands what each part takes: generation, reward, and the update (log-probabilities under
model and reference, loss, gradients, optimizer), which bounds what another generator alone can gain.

Run: python benchmarks/race_grpo.py [--rounds 3] [--steps 3] [--words biography|question] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from race_scoring import contest, show_contest
from veracity.core.judged import Group, JudgedClaim, JudgedResponse
from veracity.domains.base import open_domain
from veracity.rewards import Reward
from veracity.training.generation import turns, with_generation
from veracity.training.group_training import GroupTraining, make_trainer
from veracity.training.grpo import GRPO, grpo_arguments
from veracity.training.loading import load_model
from veracity.training.records import Prompt, RewardPart
from veracity.training.reward_functions import RewardStage
from veracity.training.rl_settings import GrpoSettings
from veracity.training.surroundings import contained
from veracity.world.tiny import folder, tiny_world

BAR = 1.5
REWARD_BAR = 0.05
COMPLETIONS, GROUP = 512, 8
DOMAINS = {"biography": ("world-biographies", 128), "question": ("world-qa", 24)}
RACERS = ("ours", "engine", "trl")
"""Our trainer; TRL's with our engine as its generator alone; TRL's as it is."""
PARTS = ("generation", "reward", "update")


def looked_up(problems: Any) -> Any:
    """The judge: every sentence of a completion by the world itself."""
    world, by_id = tiny_world(), {p.id: p for p in problems}

    def response(said: Any) -> JudgedResponse:
        sentences = [s for s in re.split(r"(?<=[.?!])\s+", said.text.strip()) if s]
        verdicts = [world.verdict(s).label for s in sentences]
        claims = tuple(
            JudgedClaim(s, "not_enough" if v == "not_in_world" else v) for s, v in zip(sentences, verdicts, strict=True)
        )
        return JudgedResponse(said.text, said.tokens, said.truncated, claims=claims)

    return lambda batch: [Group(by_id[item], tuple(map(response, said))) for item, said in batch]


def precision(group: Group) -> list[float | None]:
    """Share of supported sentences; none where there are no sentences."""
    return [
        sum(c.label == "supported" for c in r.claims) / len(r.claims) if r.claims else None for r in group.responses
    ]


def timing(trainer_class: Any) -> Any:
    """A trainer that notes the CPU seconds of generation and rewards, whoever does them."""

    class Timed(trainer_class):
        spent: dict[str, float]

        def _generate_single_turn(self, *args: Any, **how: Any) -> Any:
            return self._clocked("generation", super()._generate_single_turn, *args, **how)

        def _calculate_rewards(self, *args: Any, **how: Any) -> Any:
            return self._clocked("reward", super()._calculate_rewards, *args, **how)

        def _clocked(self, name: str, call: Any, *args: Any, **how: Any) -> Any:
            began = time.process_time()
            found = call(*args, **how)
            self.spent[name] += time.process_time() - began
            return found

    return Timed


def racer(kind: str, words: str, settings: GrpoSettings, scratch: Path) -> Any:
    """A trainer whose `train()` does the steps."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    problems = open_domain(DOMAINS[words][0]).problems(settings.prompts_per_step * settings.steps, split="train")
    prompts = [Prompt(p.id, p.messages()) for p in problems]
    rewards = [RewardPart(Reward("precision", frozenset({"claims"}), precision), 1.0)]
    stage = RewardStage(looked_up(problems), rewards, GROUP, 0.9)
    model, tokenizer = load_model(folder(), settings)
    if kind == "ours":
        what = GroupTraining(prompts, stage._judge, rewards)
        made = make_trainer(
            GRPO, what, stage, model, tokenizer, settings, seed=0, folder=scratch, batch=settings.batch_size
        )
    else:
        trl_class = with_generation(GRPOTrainer, settings, 0, logprobs=True) if kind == "engine" else GRPOTrainer
        arguments = grpo_arguments(settings, seed=0, folder=scratch, batch=settings.batch_size, device="cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            made = trl_class(
                model=model,
                reward_funcs=list(stage.functions()),
                args=GRPOConfig(**arguments, reward_weights=[1.0]),
                train_dataset=Dataset.from_list([{"prompt": turns(p.messages), "item": p.item} for p in prompts]),
                processing_class=tokenizer,
            )
        stage.end_with([*made.eos_token_ids, tokenizer.pad_token_id])
    made.__class__ = timing(made.__class__)
    made.spent = dict.fromkeys(PARTS, 0.0)
    made.remove_callback(PrinterCallback)
    return made


def clock(steps: list[dict[str, float]], trainer: Any) -> Any:
    """Notes wall and CPU seconds of each step, and the CPU seconds of its parts."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **more: Any) -> None:
            trainer.spent.update(dict.fromkeys(PARTS, 0.0))
            self.wall, self.cpu = time.perf_counter(), time.process_time()

        def on_step_end(self, *args: Any, **more: Any) -> None:
            wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
            spent = trainer.spent | {"update": cpu - trainer.spent["generation"] - trainer.spent["reward"]}
            steps.append({"wall": wall, "cpu": cpu, **spent})

    return Clock()


def run(kind: str, words: str, settings: GrpoSettings) -> tuple[list[dict[str, float]], float]:
    """Times of the steps after the first, and tokens a completion."""
    steps: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        trainer = racer(kind, words, settings, Path(scratch))
        with contained(trainer.model):
            trainer.add_callback(clock(steps, trainer))
            trainer.train()
        history = [entry for entry in trainer.state.log_history if "completions/mean_length" in entry]
    return steps[1:], statistics.fmean(entry["completions/mean_length"] for entry in history)


def greedy(kind: str, words: str, settings: GrpoSettings) -> list[list[int]]:
    """The likeliest completion of every prompt of a step."""
    with tempfile.TemporaryDirectory() as scratch:
        trainer = racer(kind, words, settings.model_copy(update={"top_k": 1}), Path(scratch))
        trainer.model.train()
        ids, images, fields = trainer._tokenize_prompts(trainer.train_dataset["prompt"][: settings.prompts_per_step])
        return trainer._generate_single_turn(ids, images, fields, GROUP)[0]


def race(words: str, rounds: int, steps: int) -> dict:
    settings = GrpoSettings(
        batch_size=COMPLETIONS,
        group_size=GROUP,
        steps=steps + 1,
        learning_rate=1e-5,
        beta=1e-3,
        max_completion_length=DOMAINS[words][1],
        save_every=1000,
    )
    pairs = list(zip(greedy("ours", words, settings), greedy("trl", words, settings), strict=True))
    same = statistics.fmean(a == b for a, b in pairs)
    if same < 0.98:
        raise SystemExit(f"greedy completions agree on {same:.1%} of the prompts only, so no time is compared")
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in RACERS}
    lengths: dict[str, list[float]] = {kind: [] for kind in RACERS}
    for _ in range(rounds):
        for kind in found:
            times, length = run(kind, words, settings)
            found[kind].append({name: statistics.fmean(step[name] for step in times) for name in times[0]})
            lengths[kind].append(length)
    parts = {kind: {p: statistics.median(r[p] for r in rows) for p in PARTS} for kind, rows in found.items()}
    return against_trl(found, "ours") | {
        "engine_alone": against_trl(found, "engine"),
        "words": words,
        "greedy_agreement": same,
        "tokens": {kind: statistics.fmean(all_) for kind, all_ in lengths.items()},
        "parts": parts,
        "reward_share": parts["ours"]["reward"] / sum(parts["ours"].values()),
        "load": os.getloadavg()[0],
    }


def against_trl(found: dict[str, list[dict[str, float]]], kind: str) -> dict:
    """The contest of one racer, under the name `ours`, with TRL."""
    rows = {"ours": found[kind], "trl": found["trl"]}
    walls, cpus = ({name: [r[time] for r in times] for name, times in rows.items()} for time in ("wall", "cpu"))
    return contest(walls, cpus, BAR)


def show(r: dict) -> None:
    print(
        f"{COMPLETIONS} completions a step ({r['words']}), {r['tokens']['ours']:.1f} and {r['tokens']['trl']:.1f} "
        f"tokens each; greedy ones the same on {r['greedy_agreement']:.1%}; load {r['load']:.1f}"
    )
    show_contest(r, COMPLETIONS, "completions")
    print("the engine as TRL's generator, and nothing else of ours:")
    show_contest(r["engine_alone"], COMPLETIONS, "completions")
    for kind, parts in r["parts"].items():
        whole = sum(parts.values())
        print(f"  {kind:8s}" + ", ".join(f"{name} {s:.2f} s ({s / whole:.1%})" for name, s in parts.items()))
    ours, theirs = r["parts"]["ours"], r["parts"]["trl"]
    most = sum(theirs.values()) / (theirs["reward"] + theirs["update"])
    print(
        f"  generation alone {theirs['generation'] / ours['generation']:.1f}x, update "
        f"{theirs['update'] / ours['update']:.1f}x (CPU); with generation alone for nothing a step would gain "
        f"{most:.2f}x; reward stage {r['reward_share']:.1%} of a step (bar {REWARD_BAR:.0%})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--words", choices=list(DOMAINS), default="biography")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    report = race(arguments.words, arguments.rounds, arguments.steps)
    show(report)
    print(json.dumps(report))
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
