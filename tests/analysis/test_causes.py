"""Attribution and effects of training on simulated scores whose causes are known."""

from __future__ import annotations

import numpy as np
import pytest
from score_tables import row, run_of, table

from veracity.analysis.analyzers.training_causal_effect import LENGTH
from veracity.analysis.base import analyze
from veracity.core.errors import ConfigError
from veracity.core.finding import Finding


def attributed(values, **options) -> list[Finding]:
    return analyze(
        [run_of(values)], analyzers=["causal_attribution"], options={"causal_attribution": options}, resamples=100
    )


def designed(n=200, *, mode=1.0, length=0.5, able=0.0, seed=0):
    """Scores = item + mode's effect + length's effect·log words + ability; the debate also makes answers longer.

    So the total effect of the mode is `mode` + `length`·(what it adds to log words, ln 2).
    """
    rng = np.random.default_rng(seed)
    item = 3 * rng.normal(size=n)
    found = []
    for p, skill in (("a", 0.0), ("b", able)):
        for m in ("direct", "debate"):
            for i in range(n):
                words = int(np.exp(rng.normal(3, 0.4)) * (2 if m == "debate" else 1)) + 1
                value = item[i] + (mode if m == "debate" else 0) + length * np.log1p(words) + skill + rng.normal()
                found.append({"policy": p, "mode": m, "item": f"i{i}", "value": float(value), "text": "w " * words})
    return found


def test_the_randomised_mode_has_its_total_effect_and_is_called_causal() -> None:
    """Effect 1 + 0.5·ln 2 = 1.35, in standard deviations of the score within items; length is not adjusted away."""
    values = designed()
    across = attributed(values)[-1]
    mode = row(across, "effects", feature="mode")
    y = np.array([v["value"] for v in values]).reshape(2, 2, -1)
    spread = (y - y.mean(axis=(0, 1))).std()
    assert mode["term"] == "direct, against debate" and mode["kind"] == "causal (randomised)"
    # all modes on all items: the effect is the difference of means, 1.35 but for chance (0.07)
    assert -mode["effect"] * spread == pytest.approx((y[:, 1] - y[:, 0]).mean())
    assert -mode["effect"] * spread == pytest.approx(1 + 0.5 * np.log(2), abs=3 * mode["se"] * spread)
    assert mode["p corrected"] < 1e-6 and 0 < mode["robustness"] < 1 and mode["e-value"] > 1
    assert "Randomised: mode" in across.notes[-1] and "Associational" in across.notes[-1]


def test_what_was_not_randomised_is_associational_and_noise_is_nothing() -> None:
    across = attributed(designed(able=0.0))[-1]
    assert row(across, "effects", feature="length")["kind"] == "associational"
    policy = row(across, "effects", feature="policy")
    assert policy["kind"] == "associational" and policy["low"] < 0 < policy["high"]
    abler = row(attributed(designed(able=1.0))[-1], "effects", feature="policy")
    assert abler["low"] > 0 or abler["high"] < 0
    assert "hedges" in across.notes[-1].split("Declared, but")[1]


def test_a_mode_that_few_items_met_is_not_randomised() -> None:
    values = [v for v in designed() if v["mode"] == "direct" or int(v["item"][1:]) < 50]
    across = attributed(values)[-1]
    assert row(across, "effects", feature="mode")["kind"] == "associational"


def test_shares_add_up_and_find_the_strong_feature() -> None:
    across = attributed(designed(mode=3.0, length=0.0))[-1]
    shares = {r["feature"]: r["share of variance"] for r in table(across, "shares")}
    assert sum(v for k, v in shares.items() if k != "all") == pytest.approx(shares["all"])
    assert shares["mode"] > 0.5 * shares["all"] > 0.2


def test_what_follows_from_others_is_not_separable() -> None:
    """Length decided by the mode but for a word: who can say which of the two it was?"""
    rng = np.random.default_rng(0)
    values = [
        {"mode": m, "item": f"i{i}", "value": float(rng.normal()), "replicate": r,
         "text": "w " * ((20 if m == "direct" else 200) + int(rng.integers(0, 2)))}
        for m in ("direct", "debate") for i in range(50) for r in (0, 1)
    ]  # fmt: skip
    length = row(attributed(values)[-1], "effects", feature="length")
    assert length["kind"] == "not separable" and length["inflation"] > 100 and length["e-value"] is None


def test_a_score_that_follows_from_the_features_is_no_evidence_of_precision() -> None:
    """Two policies that are always alike: the effect is 0, and no p-value is made of errors of 0."""
    rng = np.random.default_rng(0)
    same = {f"i{i}": float(v) for i, v in enumerate(rng.normal(size=40))}
    values = [{"policy": p, "item": i, "value": v + (p == "c")} for p in "abc" for i, v in same.items()]
    rows = table(attributed(values)[-1], "effects")
    still = [r for r in rows if abs(r["effect"]) < 1e-9]
    assert still and {(r["effect"], r["p"], r["p corrected"], r["e-value"]) for r in still} == {(0.0, None, None, None)}


def test_too_little_to_attribute_and_features_that_do_not_exist() -> None:
    (finding,) = attributed([{"item": f"i{i}", "value": float(i)} for i in range(20)])
    assert finding.notes == ["Insufficient: no declared feature varies within items."]
    with pytest.raises(ConfigError, match="'wealth' is no feature"):
        attributed(designed(20), features=["mode", "wealth"])


def trained(effect=1.0, placebo=0.4, n=120, split="test", seed=0):
    """Three policies on the same items; the trained one gains `effect`, the placebo `placebo`."""
    rng = np.random.default_rng(seed)
    item = rng.normal(size=n)
    return [
        {"policy": p, "item": f"i{i}", "split": split, "metric": m,
         "value": float(item[i] + (gain if m == "m" else 0.0) + 0.5 * rng.normal()), "text": "w " * (10 + i)}
        for p, gain in (("base", 0.0), ("tuned", effect), ("random", placebo))
        for i in range(n)
        for m in ("m", "capability")
    ]  # fmt: skip


def effects(values, **options) -> list[Finding]:
    chosen = {"base": "base", "trained": "tuned", **options}
    return analyze(
        [run_of(values)], analyzers=["training_causal_effect"], options={"training_causal_effect": chosen},
        resamples=300,
    )  # fmt: skip


def test_the_effect_beyond_the_placebo() -> None:
    """Gains of 1 and 0.4: the chosen samples did 0.6 of it; capability and length did not move."""
    (finding,) = effects(trained(), placebo="random")
    for contrast, gain in (("trained − base", 1.0), ("placebo − base", 0.4), ("trained − placebo", 0.6)):
        one = row(finding, "effects", metric="m", contrast=contrast)
        assert one["value"] == pytest.approx(gain, abs=0.17) and one["low"] < gain < one["high"]
        assert one["verdict"] == "better"
    assert row(finding, "effects", metric="capability", contrast="trained − base")["verdict"] == "not told apart"
    length = row(finding, "effects", metric=LENGTH, contrast="trained − base")
    assert (length["value"], length["verdict"]) == (0.0, "not told apart")
    assert "trained − placebo" in finding.notes[0] and finding.place.model == "tuned"


def test_without_a_placebo_the_words_are_smaller() -> None:
    (finding,) = effects(trained())
    assert "no placebo arm" in finding.notes[0] and len(table(finding, "effects")) == 3


def test_items_that_were_trained_on_do_not_count() -> None:
    mixed = trained(n=60) + [{**v, "item": f"t{v['item']}"} for v in trained(effect=9.0, n=60, split="train")]
    (finding,) = effects(mixed)
    one = row(finding, "effects", metric="m", contrast="trained − base")
    assert one["n"] == 60 and one["value"] < 1.5 and any("outside the split" in note for note in finding.notes)
    (nothing,) = effects(trained(split="train"))
    assert nothing.notes == ["Insufficient: the base and the trained policy share no held-out item with a value."]
    (trusted,) = effects(trained(split=None))
    assert any("on trust" in note for note in trusted.notes)


def test_nobody_named_is_nothing_to_do_and_a_wrong_name_is_told() -> None:
    assert analyze([run_of(trained())], analyzers=["training_causal_effect"]) == []
    with pytest.raises(ConfigError, match="'tuend' is no policy here"):
        effects(trained(), trained="tuend")
    with pytest.raises(ConfigError, match="name one"):
        effects(trained(), base="")


def test_the_interval_covers_the_true_effect() -> None:
    held = 0
    for seed in range(40):
        (finding,) = effects(trained(effect=0.3, n=40, seed=seed))
        one = row(finding, "effects", metric="m", contrast="trained − base")
        held += one["low"] <= 0.3 <= one["high"]
    assert held >= 34


def test_an_effect_is_told_among_hundreds_of_metrics() -> None:
    """90 metrics × 3 contrasts: of 4999 draws the least p, 1/5000, is 0.054 after Holm; more are drawn."""
    rng = np.random.default_rng(0)
    values = [
        {"policy": p, "item": f"i{i}", "split": "test", "metric": f"m{m}",
         "value": float(rng.normal() + (4.0 if (p, m) == ("tuned", 0) else 0.0))}
        for p in ("base", "tuned", "random") for i in range(24) for m in range(90)
    ]  # fmt: skip
    (finding,) = effects(values, placebo="random")
    assert row(finding, "effects", metric="m0", contrast="trained − placebo")["verdict"] == "better"
