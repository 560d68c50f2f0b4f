"""Estimates in words: the one way in which sentences, tables and the terminal write a share."""

from __future__ import annotations

import math

from veracity.core.estimate import Estimate


def percent(estimate: Estimate | None) -> str:
    """`94 % [91, 96]`; `94 %` where there is no interval, `not measured` where there is no value."""
    if estimate is None or math.isnan(estimate.value):
        return "not measured"
    if math.isnan(estimate.ci_low):
        return share(estimate.value)
    return f"{share(estimate.value)} [{_hundred(estimate.ci_low)}, {_hundred(estimate.ci_high)}]"


def points(estimate: Estimate | None) -> str:
    """A difference of shares: `+12 points [+3, +21]`."""
    if estimate is None or math.isnan(estimate.value):
        return "not measured"
    value = f"{_signed(estimate.value)} points"
    if math.isnan(estimate.ci_low):
        return value
    return f"{value} [{_signed(estimate.ci_low)}, {_signed(estimate.ci_high)}]"


def share(value: float) -> str:
    """`94 %`, `not measured` for NaN."""
    return "not measured" if math.isnan(value) else f"{_hundred(value)} %"


def signed(value: float) -> str:
    """A change in its own unit: `+0.21`, `−0.52`."""
    return f"{value:+.2f}".replace("-", "−")


def decimal(value: float, digits: int = 3, *, plus: bool = False) -> str:
    """`0.041`, `−0.069` with a real minus sign, `0.000` for what rounds to it; `+0.041` with `plus`.

    `not measured` for NaN.
    """
    if math.isnan(value):
        return "not measured"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return text.removeprefix("-")
    return f"+{text}" if plus and value > 0 else text.replace("-", "−")


def decimals(value: float, low: float | None, high: float | None, digits: int = 3, *, plus: bool = False) -> str:
    """`0.041 [0.018, 0.071]`; the value alone where there is no interval."""
    ends = [end for end in (low, high) if end is not None and not math.isnan(end)]
    told = f" [{', '.join(decimal(end, digits, plus=plus) for end in ends)}]" if len(ends) == 2 else ""
    return f"{decimal(value, digits, plus=plus)}{told}"


def epochs(value: float) -> str:
    """`1 epoch`, `2.5 epochs`."""
    return "1 epoch" if value == 1 else f"{value:g} epochs"


def fraction(level: float) -> str:
    """`1/8` for .125, `0`, `1`; what is no such part as a decimal."""
    return f"{level:g}" if level in (0.0, 1.0) or round(1 / level) != 1 / level else f"1/{round(1 / level)}"


def _hundred(value: float) -> str:
    text = f"{100 * value:.0f}".replace("-", "−")
    return "0" if text == "−0" else text


def _signed(value: float) -> str:
    text = _hundred(value)
    return text if text.startswith("−") or text == "0" else f"+{text}"
