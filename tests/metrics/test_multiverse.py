"""The multi-verse state by hand, and why one baseline is not enough."""

import numpy as np
import polars as pl
import pytest

from veracity.metrics.multiverse import multi_verse
from veracity.metrics.probe_rows import probe_table
from veracity.metrics.series import scored_rows

NAMES = ("learn", "update", "control")


def update_rows(beats_foil, stated="update", seeds=1):
    """One forced-choice row a fact and value at the end of an update: `beats_foil[fact]` = (old, new, control)."""
    rows = []
    for seed in range(seeds):
        for fact, wins in enumerate(beats_foil):
            base = {"seed": seed, "phase": "update", "epoch": 5, "fact": f"f{fact}", "subject": f"s{fact}"}
            for target, won in zip(NAMES, wins, strict=True):
                choice = {"probe": "forced_choice", "foil_kind": "foil", "margin": 1.0 if won else -1.0}
                rows.append(base | choice | {"target": target, "template": "q_v1", "correct": bool(won)})
                said = {"probe": "generation", "target": target, "template": "q_v1", "correct": target == stated}
                rows.append(base | said)
    return scored_rows(probe_table(rows))


def test_shares_by_hand():
    """Old wins in facts 0-3, new in 0-2, control in 0 and 3: both 3/5, old with control 2/5, control with new 1/5."""
    state = multi_verse(update_rows([(1, 1, 1), (1, 1, 0), (1, 1, 0), (1, 0, 1), (0, 0, 0)]), probe="forced_choice")
    assert state.old.value == pytest.approx(0.8) and state.new.value == pytest.approx(0.6)
    assert state.control.value == pytest.approx(0.4)
    assert (state.both.value, state.both.null) == (pytest.approx(0.6), pytest.approx(1 / 3))
    assert state.old_with_control.value == pytest.approx(0.4)
    assert state.control_with_new.value == pytest.approx(0.2)
    assert state.over_old_with_control.value == pytest.approx(0.2)
    assert state.over_control_with_new.value == pytest.approx(0.4)
    assert state.per_seed == (pytest.approx(0.2),)
    assert state.old_recalled.value == 0 and state.new_recalled.value == 1


def from_margins(old, new, facts=600):
    """Values with normal log-probabilities, a shared foil, and knowledge added to the old and the new one."""
    noise = np.random.default_rng(5).normal(size=(facts, 4))
    strength = np.array([old, new, 0.0])
    return [tuple(row) for row in (noise[:, :3] + strength > noise[:, 3:])]


def test_values_without_knowledge_both_beat_a_shared_foil_in_a_third():
    state = multi_verse(update_rows(from_margins(0, 0)), probe="forced_choice")
    assert state.both.ci_low < 1 / 3 < state.both.ci_high and state.both.ci_low > 0.25
    assert state.strict is False and not state.soft


def test_both_known_is_the_state():
    state = multi_verse(update_rows(from_margins(4, 4)), probe="forced_choice")
    assert state.strict is True and state.soft


@pytest.mark.parametrize(("old", "new"), [(0, 6), (6, 0)])
def test_one_answer_alone_passes_one_baseline_and_fails_the_other(old, new):
    """Old wiped out, or new never learned: the strict share is about .5, above one baseline, not above both."""
    state = multi_verse(update_rows(from_margins(old, new)), probe="forced_choice")
    assert 0.4 < state.both.value < 0.6
    passes = [state.over_old_with_control.ci_low > 0, state.over_control_with_new.ci_low > 0]
    assert passes == ([True, False] if new else [False, True])
    assert state.strict is False and not state.soft


def test_stating_the_old_answer_is_not_the_soft_state():
    assert not multi_verse(update_rows(from_margins(4, 4), stated="learn"), probe="forced_choice").soft


def test_without_control_rows_the_strict_state_is_unknown():
    rows = update_rows(from_margins(4, 4, facts=20)).filter(pl.col("target") != "control")
    state = multi_verse(rows, probe="forced_choice")
    assert state.strict is None and state.control is None and state.per_seed == ()


def test_without_an_update_phase_there_is_nothing_to_say():
    rows = update_rows([(1, 1, 1)])
    assert multi_verse(rows.with_columns(phase=pl.lit("acquisition")), probe="forced_choice") is None
    assert multi_verse(rows.filter(pl.col("target") != "update"), probe="forced_choice") is None


def test_text_version_needs_both_polarities():
    """Old accepted strictly in fact 0 alone (fact 1 says True to everything), new in both, control in neither."""
    verdicts = {  # (target, fact): right in polarity correct, right in polarity incorrect
        ("learn", 0): (True, True), ("learn", 1): (True, False), ("update", 0): (True, True),
        ("update", 1): (True, True), ("control", 0): (False, False), ("control", 1): (True, False),
    }  # fmt: skip
    rows = []
    for (target, fact), pair in verdicts.items():
        base = {"seed": 0, "phase": "update", "epoch": 5, "fact": f"f{fact}", "subject": f"s{fact}", "target": target}
        rows.append(base | {"probe": "generation", "template": "q_v1", "correct": False})
        for polarity, right in zip(("correct", "incorrect"), pair, strict=True):
            shown = {"probe": "verification", "template": "critic_v1", "polarity": polarity, "correct": right}
            rows.append(base | shown)
    state = multi_verse(scored_rows(probe_table(rows)), probe="verification")
    assert state.both.value == 0.5 and state.both.null == 1 / 16
    assert state.old.value == 0.75 and state.old_with_control.value == 0
