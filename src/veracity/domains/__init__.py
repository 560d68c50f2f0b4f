"""Floor 3: domains, each a named set of problems with splits that never share a source item."""

from veracity.domains.base import DOMAINS, SHARES, Domain, Split, domain, domain_spec, open_domain, options, split_of
from veracity.domains.mixing import disjoint_splits, mix
from veracity.domains.overlap import OverlapReport, exposure_in, overlap, repetitions, split_overlaps
from veracity.domains.provenance import Provenance, provenance_of

__all__ = [
    "DOMAINS",
    "SHARES",
    "Domain",
    "OverlapReport",
    "Provenance",
    "Split",
    "disjoint_splits",
    "domain",
    "domain_spec",
    "exposure_in",
    "mix",
    "open_domain",
    "options",
    "overlap",
    "provenance_of",
    "repetitions",
    "split_of",
    "split_overlaps",
]
