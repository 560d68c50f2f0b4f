"""Titles of small panels: none is wider than its panel."""

from veracity.report.truth_seeking_figures import _title


def test_a_title_has_a_line_a_part_and_no_line_that_reaches_into_the_next_panel() -> None:
    assert _title("sim/bayesian · chain_of_thought", None) == "sim/bayesian\nchain_of_thought"
    assert _title("direct", "forecasting") == "direct\nforecasting"
    long = _title("hf/meta-llama/Llama-3.2-11B-Vision-Instruct · self_debate?turns=4&summary=true", "openreview")
    assert max(map(len, long.splitlines())) <= 24
    assert long.replace("\n", "").startswith("hf/meta-llama/Llama-3.2-11B-Vision-Instruct")
