"""A run folder as an experiment leaves it: simulated agents reason about urns through the real modes and probes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from veracity.core.requests import Sampling
from veracity.domains.base import open_domain, split_of
from veracity.engine import Engine
from veracity.judging.beliefs import BeliefSettings, belief_queries, read_beliefs
from veracity.metrics.belief_paths import BeliefChoice
from veracity.metrics.belief_rows import BELIEFS, belief_rows
from veracity.metrics.token_evidence import TOKEN_EVIDENCE
from veracity.metrics.trajectory_rows import STEPS, TRAJECTORIES, step_rows, trajectory_row
from veracity.metrics.truth_accuracy import TruthAccuracySettings, truth_accuracy_rows
from veracity.models.resolve import open_model
from veracity.reasoning import ReasoningSettings, open_mode
from veracity.store.run import Run

AGENTS = ("bayesian", "coin", "overconfident")
MODES = ("chain_of_thought",)
METRICS = (TruthAccuracySettings(), TruthAccuracySettings(metric="cross_entropy"))


def make_run(
    folder: Path, agents: Sequence[str] = AGENTS, modes: Sequence[str] = MODES, n: int = 120, replicates: int = 1
) -> Path:
    """Trajectories, steps, beliefs and metric rows; the arm is the agent's name."""
    tables: dict[str, list[pl.DataFrame]] = {"trajectories": [], "steps": [], "beliefs": [], "metric_rows": []}
    for agent in agents:
        for mode in modes:
            for name, frame in _reasoned(agent, mode, n, replicates).items():
                tables[name].append(frame)
    with Run.open(folder) as run:
        for name, frames in tables.items():
            run.table(name, "k", lambda frames=frames: pl.concat(frames))
        models = {agent: open_model(f"sim/{agent}?facts=none").identity for agent in agents}
        run.write_manifest(recipe={"experiment": "truth-seeking", "n": n}, models=models, cost=0.0)
    return folder


def _reasoned(agent: str, mode: str, n: int, replicates: int) -> dict[str, pl.DataFrame]:
    policy, judge = open_model(f"sim/{agent}?facts=none"), open_model("sim/judge?facts=none")
    engine = Engine({"policy": policy, "judge": judge})
    problems = open_domain("evidence?n=400").problems(n, "all")
    settings = [ReasoningSettings(sampling=Sampling(1.0, max_tokens=400), replicate=r) for r in range(replicates)]
    wanted = {f"{p.id} {s.replicate}": open_mode(mode).run(p, s) for p in problems for s in settings}
    thoughts = engine.run(wanted)
    probe = BeliefSettings(priors=("judge_prior",), replicates=1)
    queries = {f"{t} {q.name}": q for t, thought in thoughts.items() for q in belief_queries(thought, probe)}
    readings = engine.run({name: read_beliefs(query) for name, query in queries.items()})
    about = {"arm": agent, "model": policy.identity}
    identities = {"policy": policy.identity, "judge": judge.identity}
    beliefs = [
        row
        for query, read in readings.items()
        for row in belief_rows(thoughts[query.rpartition(" ")[0]], read, **about, models=identities)
    ]
    rows = [trajectory_row(t, **about, split=split_of(t.problem.cluster)) for t in thoughts.values()]
    frames = {
        "trajectories": TRAJECTORIES.frame(rows),
        "steps": STEPS.frame(r for t in thoughts.values() for r in step_rows(t, model=policy.identity)),
        "beliefs": BELIEFS.frame(beliefs),
    }
    choice = BeliefChoice(prior="judge_prior")
    values = [
        truth_accuracy_rows(frames["trajectories"], frames["beliefs"], TruthAccuracySettings(m.metric, m.mode, choice))
        for m in METRICS
    ]
    return frames | {"metric_rows": pl.concat(values)}


def with_token_evidence(folder: Path, texts: Sequence[Sequence[tuple[str, float, float]]]) -> None:
    """Add token evidence on the first trajectories: tokens with their log-probabilities with and without context."""
    with Run.open(folder) as run:
        names = run.read_table("trajectories")["trajectory"].to_list()
        rows = [
            {"trajectory": names[i], "metric": "uplift", "trial": 0, "position": place, "token": token,
             "logprob": after, "base_logprob": before}
            for i, text in enumerate(texts)
            for place, (token, after, before) in enumerate(text)
        ]  # fmt: skip
        run.table("token_evidence", "k", lambda: TOKEN_EVIDENCE.frame(rows))
