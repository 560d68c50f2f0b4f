"""Attribution and sensitivity against values by hand and properties that define them."""

import math

import numpy as np
import pytest

from veracity.stats.attribution import e_value, r_squared, robustness_value, shapley_r_squared


def test_shapley_parts_by_hand() -> None:
    """y = a + b with a, b uncorrelated and of one variance: half each; a twin of a takes half of a's half."""
    a, b = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    y = a + b
    assert shapley_r_squared(y, {"a": a[:, None], "b": b[:, None]}) == pytest.approx({"a": 0.5, "b": 0.5})
    twins = shapley_r_squared(y, {"a": a[:, None], "twin": a[:, None], "b": b[:, None]})
    assert twins == pytest.approx({"a": 0.25, "twin": 0.25, "b": 0.5})
    assert r_squared(y, a[:, None]) == pytest.approx(0.5) and r_squared(np.zeros(4), a[:, None]) == 0


def test_parts_add_up() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    x -= x.mean(axis=0)
    y = x @ [1.0, 0.5, 0, -1] + rng.normal(size=60)
    y -= y.mean()
    parts = shapley_r_squared(y, {"p": x[:, :2], "q": x[:, 2:3], "r": x[:, 3:]})
    assert sum(parts.values()) == pytest.approx(r_squared(y, x))
    with pytest.raises(ValueError, match="at most 12"):
        shapley_r_squared(y, {str(i): x for i in range(13)})


def test_robustness_by_hand_and_by_its_meaning() -> None:
    """f² = 1/4: (√(1/16 + 1) − 1/4)/2 = 0.3904. The paper's example: t = 4.18 at 783 degrees, 13.9 %."""
    assert robustness_value(5, 100) == pytest.approx((math.sqrt(1 / 16 + 1) - 1 / 4) / 2)
    assert robustness_value(4.18, 783) == pytest.approx(0.139, abs=5e-4)
    assert robustness_value(0, 50) == 0 and math.isnan(robustness_value(2, 0))


def test_e_value_by_hand() -> None:
    """RR = 2 needs 2 + √2 = 3.41; no difference needs nothing."""
    assert e_value(math.log(2) / 0.91) == pytest.approx(2 + math.sqrt(2))
    assert e_value(-math.log(2) / 0.91) == pytest.approx(2 + math.sqrt(2)) and e_value(0) == 1
