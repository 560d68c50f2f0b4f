"""Hypothesis strategies for replies of every kind, odd values included."""

from __future__ import annotations

from hypothesis import strategies as st

from veracity.core.requests import Acted, Embedded, Generated, Message, Passage, Retrieved, Sample, Scored, Usage

texts = st.text(st.characters(), max_size=20)  # lone surrogates included
numbers = st.floats(allow_nan=False)
counts = st.integers(0, 10**6)
usages = st.builds(Usage, counts, counts, st.floats(0, 1e3))
samples = st.builds(Sample, texts, st.sampled_from(["stop", "length", "filtered"]), counts, texts)
one_sample = st.builds(Generated, st.tuples(samples), usages, texts)
scored = st.lists(st.tuples(texts, numbers), max_size=5).flatmap(
    lambda pairs: st.builds(Scored, st.just(tuple(t for t, _ in pairs)), st.just(tuple(n for _, n in pairs)), usages)
)
embedded = st.builds(Embedded, st.lists(st.lists(numbers, max_size=4).map(tuple), max_size=3).map(tuple), usages)
retrieved = st.builds(Retrieved, st.lists(st.builds(Passage, texts, texts, texts, numbers), max_size=3).map(tuple))
turns = st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), texts)
acted = st.builds(Acted, texts, st.lists(turns, max_size=3).map(tuple), usages)
replies = one_sample | scored | embedded | retrieved | acted
