"""The report of any run: the page and the summary that its experiment has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from veracity.report.stored import stored_run
from veracity.store.run import RunFolder

if TYPE_CHECKING:
    from rich.console import Console


def experiment_name(run_folder: Path) -> str:
    """The experiment that made a run: by its log, else by its manifest; empty where neither says."""
    folder = RunFolder(run_folder)
    named = [e["experiment"] for e in folder.events() if e.get("event") == "recipe" and e.get("experiment")]
    return str(named[-1] if named else ((folder.manifest() or {}).get("recipe") or {}).get("experiment", ""))


def write_report(run_folder: Path) -> Path:
    """Write `report.html` and `figures/`; the page's path. StoreError if there is no such folder or it is damaged."""
    stored_run(run_folder)
    if experiment_name(run_folder) == "factuality":
        from veracity.report.factuality import write_factuality_report

        return write_factuality_report(run_folder)
    if experiment_name(run_folder) == "simplefact":
        from veracity.report.simplefact import write_simplefact_report

        return write_simplefact_report(run_folder)
    if experiment_name(run_folder) == "facttune":
        from veracity.report.facttune import write_facttune_report

        return write_facttune_report(run_folder)
    if experiment_name(run_folder) == "klcf":
        from veracity.report.klcf import write_klcf_report

        return write_klcf_report(run_folder)
    if experiment_name(run_folder) == "truthful-training":
        from veracity.report.methods import write_methods_report

        return write_methods_report(run_folder)
    if experiment_name(run_folder) == "truth-seeking":
        from veracity.report.truth_seeking import write_truth_seeking_report

        return write_truth_seeking_report(run_folder)
    if experiment_name(run_folder) == "truth-seeking-train":
        from veracity.report.truth_seeking_train import write_truth_train_report

        return write_truth_train_report(run_folder)
    if experiment_name(run_folder) == "coherent-labels":
        from veracity.report.coherent_labels import write_labels_report

        return write_labels_report(run_folder)
    from veracity.report import page

    return page.write_report(run_folder)


def print_summary(run_folder: Path, console: Console) -> None:
    """Print the run in short. StoreError as for `write_report`."""
    if experiment_name(run_folder) == "factuality":
        from veracity.report.factuality_terminal import print_factuality_summary

        return print_factuality_summary(run_folder, console)
    if experiment_name(run_folder) == "simplefact":
        from veracity.report.simplefact_terminal import print_simplefact_summary

        return print_simplefact_summary(run_folder, console)
    if experiment_name(run_folder) == "facttune":
        from veracity.report.facttune import print_facttune_summary

        return print_facttune_summary(run_folder, console)
    if experiment_name(run_folder) == "klcf":
        from veracity.report.klcf import print_klcf_summary

        return print_klcf_summary(run_folder, console)
    if experiment_name(run_folder) == "truthful-training":
        from veracity.report.methods import print_methods_summary

        return print_methods_summary(run_folder, console)
    if experiment_name(run_folder) == "truth-seeking":
        from veracity.report.truth_seeking import print_truth_seeking_summary

        return print_truth_seeking_summary(run_folder, console)
    if experiment_name(run_folder) == "truth-seeking-train":
        from veracity.report.truth_seeking_train import print_truth_train_summary

        return print_truth_train_summary(run_folder, console)
    if experiment_name(run_folder) == "coherent-labels":
        from veracity.report.coherent_labels import print_labels_summary

        return print_labels_summary(run_folder, console)
    from veracity.report import terminal

    return terminal.print_summary(run_folder, console)
