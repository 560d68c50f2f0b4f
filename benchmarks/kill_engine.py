"""Kill a small experiment with SIGKILL at random moments, 50 seeds, and count what was paid twice.

    python benchmarks/kill_engine.py [--seeds 50] [--kills 3]

The same trial as in `tests/engine/test_kill.py`, with more seeds and more kills. Ends with 1 if any seed broke a rule:
a recorded sample asked again, more calls open at a kill than may be in flight, or a result that differs in one byte.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "engine"))

from kill_job import IN_FLIGHT
from kill_trial import Session, contents, kill_until_done, open_at_kills, repeated, session


def faults(sessions: list[Session], same: bool, idle: Session) -> list[str]:
    broken = {
        "asked again what was recorded": any(a.recorded & set(b.asked) for a, b in pairwise(sessions)),
        "more open than in flight": any(s.calls_open > IN_FLIGHT for s in sessions if s.killed),
        "more repeated than open at the kills": repeated(sessions) > open_at_kills(sessions),
        "left calls open at the end": sessions[-1].calls_open > 0,
        "result differs": not same,
        "asked when finished": bool(idle.asked),
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    bad = kills = during = asked_twice = 0
    with tempfile.TemporaryDirectory() as place:
        whole = session(Path(place) / "whole", None)
        reference = contents(Path(place) / "whole")
        print(f"undisturbed: {len(whole.asked)} samples in {whole.seconds:.2f} s; at most {IN_FLIGHT} calls in flight")
        for seed in range(options.seeds):
            folder = Path(place) / str(seed)
            sessions = kill_until_done(folder, seed, whole.seconds, options.kills)
            broken = faults(sessions, contents(folder) == reference, session(folder, None))
            killed = [s for s in sessions if s.killed]
            kills += len(killed)
            during += sum(1 for s in killed if len(s.recorded) < len(whole.asked))
            asked_twice += repeated(sessions)
            bad += bool(broken)
            print(
                f"seed {seed:3}: {len(killed)} kills, {repeated(sessions):3} asked twice, {', '.join(broken) or 'same'}"
            )
    print(
        f"{options.seeds} seeds, {kills} kills ({during} while asking): {asked_twice} samples asked twice, all of them "
        f"in flight at a kill; {bad} seeds broke a rule"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
