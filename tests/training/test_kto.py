"""KTO: settings arrive, the loss is the formula's value, kills change nothing."""

import math

import pytest
from preference_rows import killed_at, labelled, pairs

from micro_models import save_micro
from veracity.core.errors import ConfigError, DataError
from veracity.training.kto import KtoSettings, encode_labelled, kto_trainer, train_kto
from veracity.training.loading import load_model
from veracity.training.settings import LoraSettings, ReferenceSync

FAST = {"batch_size": 4, "epochs": 2, "learning_rate": 1e-2, "warmup": 0, "schedule": "constant"}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return save_micro(tmp_path_factory.mktemp("models") / "start")


def train(start, tmp_path, name="a", on_step=None, **options):
    settings = KtoSettings(**{**FAST, **options})
    places = {"folder": tmp_path / f"{name}-work", "out": tmp_path / name}
    return train_kto(start, labelled(), settings, seed=1, on_step=on_step, **places)


def trainer_of(start, tmp_path, settings, batch=2):
    model, tokenizer = load_model(start, settings)
    rows = encode_labelled(start, labelled(), settings, seed=9)
    return kto_trainer(model, tokenizer, rows, settings, seed=9, folder=tmp_path, batch=batch)


def test_every_setting_reaches_the_trainer(start, tmp_path):
    settings = KtoSettings(
        loss="apo_zero_unpaired", beta=0.23, desirable_weight=1.3, undesirable_weight=0.8, disable_dropout=False,
        sync_reference=ReferenceSync(mixup=0.3, every=7), max_length=99, batch_size=6, accumulation=3, warmup=5,
        weight_decay=0.12, beta1=0.81, beta2=0.91, grad_clip=0.7, epochs=4, learning_rate=1.5e-3, schedule="cosine",
        gradient_checkpointing=True, save_every=11,
    )  # fmt: skip
    a = trainer_of(start, tmp_path, settings).args
    assert (a.loss_type, a.beta, a.desirable_weight, a.undesirable_weight) == ("apo_zero_unpaired", 0.23, 1.3, 0.8)
    assert (a.sync_ref_model, a.ref_model_mixup_alpha, a.ref_model_sync_steps) == (True, 0.3, 7)
    assert (a.disable_dropout, a.precompute_ref_log_probs, a.max_length) == (False, False, 99)
    assert (a.num_train_epochs, a.learning_rate, a.lr_scheduler_type, a.warmup_steps) == (4, 1.5e-3, "cosine", 5)
    assert (a.per_device_train_batch_size, a.gradient_accumulation_steps, a.save_steps) == (2, 3, 11)
    assert (a.weight_decay, a.adam_beta1, a.adam_beta2, a.max_grad_norm) == (0.12, 0.81, 0.91, 0.7)
    assert (a.seed, a.gradient_checkpointing, a.train_sampling_strategy) == (9, True, "sequential")
    trainer = trainer_of(start, tmp_path, KtoSettings(precompute_reference=True, lora=LoraSettings(rank=3)))
    assert trainer.args.precompute_ref_log_probs and trainer.model.peft_config["default"].r == 3


def test_the_loss_has_the_value_of_its_formula(start, tmp_path):
    """Log-ratios +5 for a desirable row and −3 for another, log-ratios of mismatched rows +2 each: z = 2, β = .1.

    λ_D = 2: 2 (1 − σ(.1 (5 − 2))); λ_U = 1: 1 − σ(.1 (2 + 3)); the loss is their mean.
    """
    settings = KtoSettings(precompute_reference=True, desirable_weight=2.0)
    trainer = trainer_of(start, tmp_path, settings)
    rows = list(trainer.train_dataset)
    wanted, unwanted = next(r for r in rows if r["label"]), next(r for r in rows if not r["label"])
    batch = trainer.data_collator(
        [
            {**row, "ref_logps": row["ref_logps"] - shift, "ref_KL_logps": row["ref_KL_logps"] - 2.0}
            for row, shift in ((wanted, 5.0), (unwanted, -3.0))
        ]
    )
    by_hand = (2 * (1 - 1 / (1 + math.exp(-0.3))) + 1 - 1 / (1 + math.exp(-0.5))) / 2
    assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(by_hand, abs=1e-4)


def test_each_prompt_meets_its_neighbours_response_within_a_forward_pass(start, tmp_path):
    rows = list(trainer_of(start, tmp_path, KtoSettings(), batch=4).train_dataset)
    assert len(rows) == 16
    for begin in range(0, 16, 4):
        part = rows[begin : begin + 4]
        assert [r["KL_completion_ids"] for r in part] == [part[i - 1]["completion_ids"] for i in range(4)]


def test_order_is_by_seed_and_keeps_labels_with_their_rows(start):
    first, again, other = (encode_labelled(start, labelled(), KtoSettings(), seed) for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(map(str, first)) == sorted(map(str, other))


@pytest.mark.parametrize("options", [{}, {"precompute_reference": True}, {"lora": LoraSettings(rank=4, dropout=0)}])
def test_it_starts_at_a_half_and_tells_wanted_from_unwanted(start, tmp_path, options):
    log = train(start, tmp_path, epochs=5, **options)
    assert log.losses[0] == pytest.approx(0.5, abs=1e-5) and log.losses[-1] < 0.49
    assert log.metrics[-1]["rewards/margins"] > 0.1


def test_a_killed_training_goes_on_to_the_same_weights(start, tmp_path):
    options = {"epochs": 3, "save_every": 3, "warmup": 2, "schedule": "cosine"}
    whole = train(start, tmp_path, "whole", **options)
    assert killed_at(5, lambda on_step: train(start, tmp_path, "parts", on_step, **options))
    resumed = train(start, tmp_path, "parts", **options)
    assert resumed.resumed_from == 3 and resumed.losses == whole.losses
    a, b = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts"))
    assert a == b


def test_what_cannot_work_is_refused(start, tmp_path):
    places = {"seed": 0, "folder": tmp_path / "w", "out": tmp_path / "o"}
    with pytest.raises(ConfigError, match="needs two at least"):
        train_kto(start, labelled(), KtoSettings(batch_size=4, accumulation=4), **places)
    with pytest.raises(DataError, match="desirable responses and others"):
        train_kto(start, labelled()[::2], KtoSettings(), **places)
    assert len(pairs()) * 2 == len(labelled())
