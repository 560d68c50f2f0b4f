"""The paper's Gemma-3-4B-it curves (Davidson et al., 2026, arXiv 2605.27564; read off its figures, ± .01).

They are the acceptance example of lag, saturation and retention: recognition plateaus at epoch 2 and recall at 3;
30 epochs of unrelated text leave 42 % of recall and 80 % of recognition, 51 % of it from chance.
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracity.metrics.curves import Curve
from veracity.metrics.lag import first_at_fraction, first_crossing
from veracity.metrics.retention import retained
from veracity.metrics.saturation import RULE, saturation
from veracity.metrics.verification import chance_corrected

FACTS = 149
EPOCHS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 17, 20)
VERIFICATION = (0.43, 0.73, 0.94, 0.92, 0.91, 0.84, 0.86, 0.94, 0.95, 0.90, 0.91, 0.91, 0.97)
GENERATION = (0.00, 0.00, 0.48, 0.72, 0.67, 0.74, 0.75, 0.75, 0.78, 0.74, 0.73, 0.86, 0.85)
CONTINUAL_EPOCHS = (5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 35)
CONTINUAL_VERIFICATION = (0.86, 0.87, 0.76, 0.76, 0.67, 0.67, 0.65, 0.64, 0.65, 0.70, 0.66, 0.68)
CONTINUAL_GENERATION = (0.76, 0.77, 0.53, 0.38, 0.38, 0.35, 0.32, 0.35, 0.32, 0.35, 0.31, 0.32)


def curve(epochs, values):
    """Right or wrong facts: the error of a share, with the widest a verdict pair could have for verification."""
    return Curve(epochs, values, tuple(math.sqrt(v * (1 - v) / FACTS) for v in values))


V, G = curve(EPOCHS, VERIFICATION), curve(EPOCHS, GENERATION)


def test_the_widest_gap_is_at_epoch_1():
    gaps = {e: v - g for e, v, g in zip(EPOCHS, VERIFICATION, GENERATION, strict=True)}
    assert max(gaps, key=gaps.get) == 1 and gaps[1] == pytest.approx(0.73)
    corrected = {e: chance_corrected(v) - g for e, v, g in zip(EPOCHS, VERIFICATION, GENERATION, strict=True)}
    assert max(corrected, key=corrected.get) == 1 and corrected[1] == pytest.approx(0.46)


def test_recognition_arrives_first():
    """.9 · .97 = .873 is passed at 2; .9 · .86 = .774 at 10. From chance .5 + .9 · .47 = .923: still 2."""
    assert (first_at_fraction(V), first_at_fraction(G)) == (2, 10)
    assert first_at_fraction(V, chance=0.5) == 2
    assert (first_crossing(V, 0.7), first_crossing(G, 0.7)) == (1, 3)
    assert first_crossing(G, 0.9) is None


def test_saturation_is_at_epoch_3():
    """At 2 recall still gains .24 (.48 → mean .71); at 3 it gains 0 (.72 → .67, .74, .75), verification loses."""
    found = saturation(V, G)
    assert (found.epoch, found.reached, found.rule) == (3, True, RULE)
    assert found.numbers["generation_gain"] == pytest.approx(0.0)
    assert found.numbers["verification_gain"] == pytest.approx(-0.05)


def test_retention_matches_the_published_shares():
    g = retained(CONTINUAL_GENERATION[0], CONTINUAL_GENERATION[-1])
    v = retained(CONTINUAL_VERIFICATION[0], CONTINUAL_VERIFICATION[-1])
    assert g == pytest.approx(0.42, abs=0.005)
    assert v == pytest.approx(0.80, abs=0.01)
    # two read-off values ± .01 put the share from chance between .45 and .54; the published "about 51 %" is inside
    assert retained(0.86, 0.68, chance=0.5) == pytest.approx(0.50, abs=0.005)
    assert retained(0.855, 0.682, chance=0.5) == pytest.approx(0.51, abs=0.005)
    assert retained(0.86, 0.68, chance=0.43) == pytest.approx(0.59, abs=0.01)


def test_a_model_that_has_not_begun_is_not_saturated():
    """Flat at chance for five epochs, then it learns: the plateau before the rise does not count."""
    epochs = tuple(range(12))
    v = Curve(epochs, (0.5,) * 5 + (0.7, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0), (0.05,) * 12)
    g = Curve(epochs, (0.0,) * 5 + (0.2, 0.6, 0.9, 0.95, 0.95, 0.95, 0.95), (0.03,) * 12)
    assert saturation(v, g).epoch == 8


def test_no_plateau_gives_the_last_epoch_and_says_so():
    rising = Curve((0, 1, 2, 3, 4), (0.0, 0.2, 0.4, 0.6, 0.8), (0.01,) * 5)
    found = saturation(rising, rising)
    assert (found.epoch, found.reached) == (4, False) and math.isnan(found.numbers["generation_gain"])
    short = Curve((0, 1), (0.0, 1.0), (0.0, 0.0))
    assert not saturation(short, short).reached


def test_perfect_and_still_is_saturated():
    """Errors of 0 at a ceiling: a gain of 0 is at most 1 SEM."""
    perfect = Curve((0, 1, 2, 3, 4), (0.5, 1.0, 1.0, 1.0, 1.0), (0.1, 0.0, 0.0, 0.0, 0.0))
    assert (saturation(perfect, perfect).epoch, saturation(perfect, perfect).reached) == (1, True)


def test_bad_curves_are_refused():
    with pytest.raises(ValueError, match="same epochs"):
        saturation(V, curve(CONTINUAL_EPOCHS, CONTINUAL_GENERATION))
    with pytest.raises(ValueError, match="rise"):
        Curve((1, 1), (0.0, 0.0), (0.0, 0.0))
    with pytest.raises(ValueError, match="at least one"):
        Curve((), (), ())
    with pytest.raises(ValueError, match="horizon"):
        saturation(V, G, horizon=0)


def test_nothing_to_lose_has_no_retention():
    assert math.isnan(retained(0.5, 0.4, chance=0.5)) and math.isnan(retained(0.0, 0.0))


SHARES = st.lists(st.floats(0, 1), min_size=4, max_size=15)


@given(SHARES, st.floats(0.1, 1))
def test_a_higher_level_is_never_reached_sooner(values, level):
    c = Curve(tuple(range(len(values))), tuple(values), (0.05,) * len(values))
    low, high = first_crossing(c, level / 2), first_crossing(c, level)
    assert high is None or (low is not None and low <= high)


@given(SHARES, st.integers(1, 30))
def test_shifting_the_epochs_shifts_saturation(values, shift):
    here = tuple(range(len(values)))
    a = Curve(here, tuple(values), (0.05,) * len(values))
    b = Curve(tuple(e + shift for e in here), tuple(values), (0.05,) * len(values))
    assert saturation(b, b).epoch == saturation(a, a).epoch + shift
    assert saturation(b, b).reached == saturation(a, a).reached
