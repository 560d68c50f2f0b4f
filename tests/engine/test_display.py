"""What is shown during a run is what was counted, and no time left is claimed before it can be known."""

from __future__ import annotations

import os
from io import StringIO

import pytest
from rich.console import Console

from veracity.core.requests import Call, Generate, Generated, Program, Sample, Usage, user
from veracity.engine import Engine
from veracity.engine.display import Display, Pace, status
from veracity.engine.progress import Progress, Tally
from veracity.models.human import HumanModel, Terminal
from veracity.models.instant import InstantModel
from veracity.models.wrapped import with_system


def moment(seconds: float, done: int, asked: int, total: int = 1000, **more: object) -> Progress:
    return Progress(done, total, 0, seconds, Tally(asked=asked, **more))  # type: ignore[arg-type]


def test_the_pace_is_that_of_the_last_half_minute() -> None:
    """500 came from the ledger at once; then 2 a second. The rest (380) takes 190 s, not the 45 s of the average."""
    pace = Pace()
    pace.see(moment(0.0, 0, 0))
    for second in range(1, 61):
        pace.see(moment(float(second), 500 + 2 * second, 3 * second))
    assert pace.requests_per_s == pytest.approx(3.0)
    assert pace.left_s == pytest.approx(190, rel=0.04)


def test_no_time_left_is_claimed_too_early_or_when_nothing_ends() -> None:
    pace = Pace()
    pace.see(moment(0.0, 0, 0))
    pace.see(moment(2.0, 100, 100))
    assert pace.left_s is None, "two seconds are too few"
    pace.see(moment(40.0, 100, 300))
    pace.see(moment(75.0, 100, 500))
    assert pace.left_s is None, "nothing has ended for half a minute"
    pace.see(moment(76.0, 1000, 900))
    assert pace.left_s == 0.0
    pace.see(moment(0.1, 0, 900))  # the next run of the same engine
    assert pace.left_s is None and pace.requests_per_s == 0.0


def test_one_line_says_it_all() -> None:
    pace = Pace()
    pace.see(moment(0.0, 0, 0))
    spent = Tally(asked=100, failed=2, recalled=7, input_tokens=12_000, output_tokens=345, cost=1.25)
    roles = {"policy": Tally(asked=60, cost=0.25), "judge": Tally(asked=40, cost=1.0)}
    now = Progress(50, 100, 3, 10.0, spent, roles)
    pace.see(now)
    assert status(now, pace) == (
        "3 failed · 2 requests failed · 10.0 requests/s · 12.3k tokens · $1.2500 (policy $0.2500, judge $1.0000) · "
        "7 from the ledger · about 0:10 left"
    )
    assert "$1.2500 (policy $0.2500, judge $1.0000) and an unknown sum for judge" in status(now, pace, ["judge"])


def test_what_costs_nothing_shows_no_dollars() -> None:
    now = moment(1.0, 1, 5, output_tokens=9)
    assert "$" not in status(now, Pace())


def _model(call: Call) -> Generated:
    return Generated((Sample("four", "stop", 5),), Usage(10, 5, 0.01))


def _ask(i: int) -> Program[str]:
    return (yield Generate("m", user(f"question {i}"))).text


@pytest.mark.parametrize("terminal", [False, True])
def test_a_real_run_ends_with_the_true_counts(terminal: bool) -> None:
    out = StringIO()
    console = Console(file=out, width=200, force_terminal=terminal)
    with Display(console) as display:
        Engine({"m": InstantModel(_model)}, progress=display).run({str(i): _ask(i) for i in range(300)})
    text = out.getvalue()
    assert "$3.0000" in text and "4.5k tokens" in text and "left" not in text.splitlines()[-1]
    assert ("300/300" if terminal else "300 of 300 in 0:0") in text
    assert terminal or text.count("\n") == 1


def test_nothing_is_drawn_over_what_a_person_reads_and_types() -> None:
    """One role is played by somebody at the terminal, whose name is wrapped in a system prompt."""
    read, write = os.pipe()
    os.write(write, b"four\n.\nfive\n.\n")
    shown, out = StringIO(), StringIO()
    console = Console(file=out, width=200, force_terminal=True)
    person = with_system(HumanModel(Terminal(read, Console(file=shown, width=80))), "careful")
    with Display(console, {"m": person}) as display:
        Engine({"m": person}, progress=display).run({str(i): _ask(i) for i in range(2)})
    os.close(read)
    os.close(write)
    assert "question 1" in shown.getvalue()
    assert "2 of 2 in 0:0" in out.getvalue() and out.getvalue().count("\n") == 1
    assert "\x1b[?25l" not in out.getvalue(), "the cursor is not hidden, as a bar would"


def test_without_a_terminal_there_is_a_line_every_ten_seconds() -> None:
    out = StringIO()
    with Display(Console(file=out, width=200, force_terminal=False)) as display:
        for tick in range(351):  # 35 s, ten reports a second
            display(moment(tick / 10, tick * 2, tick * 3))
    lines = out.getvalue().splitlines()
    assert [line.split(" · ")[0] for line in lines] == [
        "200 of 1,000 in 0:10",
        "400 of 1,000 in 0:20",
        "600 of 1,000 in 0:30",
        "700 of 1,000 in 0:35",
    ]
    assert lines[-1].endswith("about 0:15 left")


@pytest.mark.parametrize(
    ("seconds", "asked", "said"),
    [(10, 50, "5.0 requests/s"), (20, 1, "3.0 requests/min"), (30, 0, ""), (20_000, 1, "")],
)
def test_a_pace_is_never_told_as_nothing(seconds: int, asked: int, said: str) -> None:
    """One request in twenty seconds is three a minute and no `0.0 requests/s`; none in half a minute is no pace."""
    pace = Pace()
    pace.see(moment(0.0, 0, 100))
    now = moment(float(seconds), 900, 100 + asked)
    pace.see(now)
    paces = [part for part in status(now, pace).split(" · ") if "requests/" in part]
    assert paces == ([said] if said else [])
