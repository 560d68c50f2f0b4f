"""Training by examples: what stands before the conversation, and that the model is found again."""

import json

import pytest
from preference_rows import demonstrations

from micro_models import save_micro
from veracity.core.errors import ConfigError, DataError
from veracity.core.requests import Message
from veracity.models.resolve import open_model
from veracity.models.wrapped import with_examples
from veracity.training.few_shot import FewShotSettings, read_examples, train_few_shot
from veracity.training.lineage import read_lineage
from veracity.training.records import Demonstration
from veracity.training.selection import ScoredSample


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return save_micro(tmp_path_factory.mktemp("models") / "start")


def samples(direction="higher", system=False):
    first = (Message("system", "true or false"),) if system else ()
    shown = [Demonstration(d.item, first + d.messages, d.response) for d in demonstrations()]
    return [ScoredSample(d, float(i), direction, "recall", d.item) for i, d in enumerate(shown)]


def test_the_best_examples_stand_before_the_conversation_the_best_last(start, tmp_path):
    """Eight samples, share .5 → 4, count 3 → 3; scores 7, 6, 5."""
    out = tmp_path / "runs" / "r" / "models" / "shots"
    parent = open_model(str(start))
    chosen = train_few_shot(parent, str(start), samples(), FewShotSettings(count=3, share=0.5), out=out, run="r")
    assert [c.item for c in chosen] == ["d5", "d6", "d7"]
    turns = read_examples(out)
    assert [t.role for t in turns] == ["user", "assistant"] * 3 and turns[-1].content == demonstrations()[7].response
    opened = open_model(f"trained/r/shots?runs={tmp_path / 'runs'}")
    rows = [(d.messages[0].content, d.response) for d in demonstrations()[5:]]
    assert opened.identity == with_examples(parent, rows).identity != parent.identity
    lineage = read_lineage(out)
    assert (lineage.trainer, lineage.parent, lineage.parent_name) == ("few_shot", parent.identity, str(start))
    with pytest.raises(ConfigError, match="its parent has the options dtype"):
        open_model(f"trained/r/shots?dtype=float32&runs={tmp_path / 'runs'}")


def test_the_share_decides_where_it_is_smaller_and_system_messages_stay_out(start, tmp_path):
    settings = FewShotSettings(count=8, share=0.25)
    train_few_shot(open_model(str(start)), str(start), samples(system=True), settings, out=tmp_path / "shots")
    rows = [json.loads(line) for line in (tmp_path / "shots" / "examples.jsonl").read_text().splitlines()]
    assert [[turn["role"] for turn in row["messages"]] for row in rows] == [["user", "assistant"]] * 2


def test_scores_without_a_direction_and_too_few_samples_are_refused(start, tmp_path):
    backend, out = open_model(str(start)), tmp_path / "shots"
    with pytest.raises(ConfigError, match="no direction"):
        train_few_shot(backend, "x", samples("neither"), FewShotSettings(), out=out)
    with pytest.raises(DataError, match="less than one example"):
        train_few_shot(backend, "x", samples()[:2], FewShotSettings(share=0.25), out=out)
    assert not out.exists()
