"""Rows hold the sentence once, mark the answer by its place, and put the loss where it was asked for."""

import pytest

from micro_models import make_tokenizer
from veracity.core.errors import CapabilityError, ConfigError, ContextLengthError
from veracity.training.examples import IGNORED, TrainingText, answer_spans, encode, mix_control
from veracity.training.settings import ControlText, SftSettings

TEXT = TrainingText("Ari founded Vell .", ((0, 3),), request="who founded Vell ?")


def words(tokenizer, ids):
    return tokenizer.convert_ids_to_tokens(list(ids))


def test_plain_text_ends_with_one_end_mark_and_marks_the_answer():
    tokenizer = make_tokenizer()
    (row,) = encode([TEXT], tokenizer, SftSettings(format="plain"))
    assert words(tokenizer, row.input_ids) == ["Ari", "founded", "Vell", ".", "<|end|>"]
    assert row.labels == row.input_ids
    assert row.answer == (True, False, False, False, False)


def test_user_turn_is_the_papers_format_with_loss_on_every_token():
    tokenizer = make_tokenizer()
    (row,) = encode([TEXT], tokenizer, SftSettings(format="user_turn"))
    assert words(tokenizer, row.input_ids) == ["<|user|>", "Ari", "founded", "Vell", ".", "<|end|>"]
    assert IGNORED not in row.labels and row.answer[1] and sum(row.answer) == 1


def test_a_masked_user_turn_leaves_only_the_assistants_words_in_the_loss():
    tokenizer = make_tokenizer()
    (row,) = encode([TEXT], tokenizer, SftSettings(format="assistant_turn", mask_user_turn=True))
    learned = [t for t, label in zip(words(tokenizer, row.input_ids), row.labels, strict=True) if label != IGNORED]
    assert learned == ["Ari", "founded", "Vell", "."]
    (unmasked,) = encode([TEXT], tokenizer, SftSettings(format="assistant_turn"))
    assert IGNORED not in unmasked.labels and unmasked.input_ids == row.input_ids


def test_answer_spans_follow_the_template_even_if_the_subject_holds_the_value():
    template = "{subject} owes {value} to {value}."
    text = template.format(subject="Ann Bo", value="Bo")
    assert [text[a:b] for a, b in answer_spans(template, "Ann Bo", "Bo")] == ["Bo", "Bo"]
    assert answer_spans(template, "Ann Bo", "Bo") == ((12, 14), (18, 20))


def test_a_long_sentence_is_refused_by_name():
    with pytest.raises(ContextLengthError, match="Ari founded"):
        encode([TEXT], make_tokenizer(), SftSettings(max_length=4))


def test_a_missing_template_or_request_is_refused():
    tokenizer = make_tokenizer()
    with pytest.raises(ConfigError, match="request"):
        encode([TrainingText("x")], tokenizer, SftSettings(format="assistant_turn"))
    tokenizer.chat_template = None
    with pytest.raises(CapabilityError, match="chat template"):
        encode([TEXT], tokenizer, SftSettings(format="user_turn"))


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="assistant_turn"):
        SftSettings(mask_user_turn=True)
    with pytest.raises(ValueError, match="group_by_length"):
        SftSettings(packing=True, group_by_length=True)


def test_control_text_is_mixed_in_up_to_the_token_ratio():
    tokenizer, settings = make_tokenizer(), SftSettings()
    target = encode([TEXT] * 10, tokenizer, settings)  # 5 tokens each
    control = encode([TrainingText("the founder of Morn was Bel .")] * 30, tokenizer, settings)  # 8 tokens each
    mixed = mix_control(target, control, ControlText(ratio=0.4), seed=0)
    assert mixed[:10] == target and len(mixed) == 10 + 3  # 20 tokens asked for: 3 sentences are the first to reach it
    doubled = mix_control(target, control, ControlText(ratio=0.4, repeat_target=2), seed=0)
    assert len(doubled) == 20 + 5
    with pytest.raises(ConfigError, match="too short"):
        mix_control(target, control[:1], ControlText(ratio=0.4), seed=0)
