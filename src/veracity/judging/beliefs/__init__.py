"""Beliefs: how probable a policy, or a judge of its words, finds each option, after so many steps of a trajectory."""

from veracity.judging.beliefs.base import BeliefQuery, BeliefSettings, BeliefStatus, Owner, PriorKind, Reading, View
from veracity.judging.beliefs.parsing import ParsedProbability, parse_probability, parse_steps
from veracity.judging.beliefs.probing import belief_queries, read_beliefs

__all__ = [
    "BeliefQuery",
    "BeliefSettings",
    "BeliefStatus",
    "Owner",
    "ParsedProbability",
    "PriorKind",
    "Reading",
    "View",
    "belief_queries",
    "parse_probability",
    "parse_steps",
    "read_beliefs",
]
