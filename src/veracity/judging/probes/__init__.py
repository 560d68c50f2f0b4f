"""Probes: one file each, a program that asks a model about one fact and returns probe rows."""

from veracity.judging.probes.base import (
    PROBES,
    Foil,
    FoilKind,
    Probe,
    ProbeContext,
    ProbeRow,
    Target,
    foils_of,
    other_values,
)

__all__ = ["PROBES", "Foil", "FoilKind", "Probe", "ProbeContext", "ProbeRow", "Target", "foils_of", "other_values"]
