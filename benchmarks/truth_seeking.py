"""A truth-seeking run of 2,000 problems in three modes with four metrics on a simulated agent: where does time go?

Prints requests a second of wall time and of CPU time while asking, the share of CPU outside the agent, and the peak of
memory. The agent answers in this process, so what is not its own is ours: programs, prompts, the engine, the ledger,
tables, metrics, the report.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from veracity.experiments.running import run_recipe
from veracity.models.simulated import SimulatedAgent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=2000)
    problems: int = parser.parse_args().problems
    inside = 0.0
    reply = SimulatedAgent._reply

    def timed(agent: SimulatedAgent, call: Any) -> Any:
        nonlocal inside
        started = time.process_time()
        try:
            return reply(agent, call)
        finally:
            inside += time.process_time() - started

    SimulatedAgent._reply = timed  # type: ignore[method-assign]
    recipe = {
        "experiment": "truth-seeking",
        "eval": {
            "models": ["sim/bayesian?facts=none"],
            "domains": [f"forecasting?reports=4&n={problems}"],
            "modes": ["direct", "chain_of_thought", "self_debate?turns=2&summary=true"],
            "metrics": ["truth_accuracy", "martingale", "grader", "qualitative"],
            "n": problems,
            "split": "all",
        },
        "belief": {"priors": ["judge_prior"], "replicates": 1},
        "martingale": {"estimator": "ols"},
        "qual": {"adversarial": "none", "self_answer": False},
    }
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VERACITY_CACHE"] = f"{folder}/cache"
        wall, cpu = time.monotonic(), time.process_time()
        run = run_recipe(recipe, runs_folder=folder, name="run", console=Console(quiet=True))
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        manifest = json.loads((Path(run) / "manifest.json").read_text("utf-8"))
        asked = manifest["requests"]["asked"]
        again = time.process_time()
        (Path(run) / "manifest.json").unlink()
        run_recipe(recipe, runs_folder=folder, name="run", console=Console(quiet=True))
        again = time.process_time() - again
    seconds = manifest["timings_s"]
    print(f"{asked:,} requests, {wall:.0f} s wall, {cpu:.0f} s CPU; second launch {again:.0f} s CPU")
    print(
        f"{asked / seconds['asking']:.0f} requests/s of wall time while asking, {asked / cpu:.0f} a CPU second of all"
    )
    print(f"{100 * (1 - inside / cpu):.0f} % of CPU outside the agent, {1e3 * (cpu - inside) / asked:.2f} ms a request")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB; stages {seconds}")


if __name__ == "__main__":
    main()
