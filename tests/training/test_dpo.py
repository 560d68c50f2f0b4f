"""DPO and its relatives: settings arrive, losses are the formulas' values, kills change nothing."""

import math

import pytest
import torch
from preference_rows import killed_at, pairs
from pydantic import ValidationError

from micro_models import make_model, save_micro
from veracity.core.errors import ContextLengthError, DataError
from veracity.training.dpo import DpoSettings, dpo_trainer, encode_pairs, train_dpo
from veracity.training.loading import load_model
from veracity.training.records import PreferencePair
from veracity.training.settings import LoraSettings, ReferenceSync

FAST = {"batch_size": 4, "epochs": 2, "learning_rate": 1e-2, "warmup": 0, "schedule": "constant"}
BETA, UP, DOWN = 0.1, 5.0, -3.0
DIFFERENCE = BETA * (UP - DOWN)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return save_micro(tmp_path_factory.mktemp("models") / "start")


def train(start, tmp_path, name="a", on_step=None, **options):
    settings = DpoSettings(**{**FAST, **options})
    places = {"folder": tmp_path / f"{name}-work", "out": tmp_path / name}
    return train_dpo(start, pairs(), settings, seed=1, on_step=on_step, **places)


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def trainer_of(start, tmp_path, settings, batch=2):
    model, tokenizer = load_model(start, settings)
    rows = encode_pairs(start, pairs(), settings)
    return dpo_trainer(model, tokenizer, rows, settings, seed=9, folder=tmp_path, batch=batch)


def test_every_setting_reaches_the_trainer(start, tmp_path):
    settings = DpoSettings(
        loss=["sigmoid", "robust", "sft"], loss_weights=[0.7, 0.2, 0.1], beta=0.23, label_smoothing=0.07,
        divergence="alpha_divergence", divergence_alpha=0.6, length_desensitize=0.4, weigh_by_likelihood=True,
        discopop_tau=0.08, sync_reference=ReferenceSync(mixup=0.3, every=7), disable_dropout=False, max_length=99,
        batch_size=6, accumulation=3, warmup=5, weight_decay=0.12, beta1=0.81, beta2=0.91, grad_clip=0.7, epochs=4,
        learning_rate=1.5e-3, schedule="cosine", gradient_checkpointing=True, save_every=11,
    )  # fmt: skip
    a = trainer_of(start, tmp_path, settings).args
    assert (a.loss_type, a.loss_weights, a.beta) == (["sigmoid", "robust", "sft"], [0.7, 0.2, 0.1], 0.23)
    assert (a.label_smoothing, a.f_divergence_type, a.f_alpha_divergence_coef) == (0.07, "alpha_divergence", 0.6)
    assert (a.ld_alpha, a.use_weighting, a.discopop_tau, a.max_length) == (0.4, True, 0.08, 99)
    assert (a.sync_ref_model, a.ref_model_mixup_alpha, a.ref_model_sync_steps) == (True, 0.3, 7)
    assert (a.disable_dropout, a.precompute_ref_log_probs, a.gradient_checkpointing) == (False, False, True)
    assert (a.num_train_epochs, a.learning_rate, a.lr_scheduler_type, a.warmup_steps) == (4, 1.5e-3, "cosine", 5)
    assert (a.per_device_train_batch_size, a.gradient_accumulation_steps) == (2, 3)
    assert (a.weight_decay, a.adam_beta1, a.adam_beta2, a.max_grad_norm) == (0.12, 0.81, 0.91, 0.7)
    assert (a.seed, a.data_seed, a.save_strategy, a.save_steps, a.bf16) == (9, 9, "steps", 11, False)
    assert a.report_to == [] and a.logging_nan_inf_filter is False
    other = DpoSettings(precompute_reference=True, lora=LoraSettings(rank=3, alpha_ratio=2.0), non_finite="skip")
    trainer = trainer_of(start, tmp_path, other)
    assert trainer.args.precompute_ref_log_probs and trainer.args.logging_nan_inf_filter
    assert trainer.args.save_strategy == "epoch" and trainer.ref_model is None
    assert (trainer.model.peft_config["default"].r, trainer.model.peft_config["default"].lora_alpha) == (3, 6.0)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


Q = sigmoid(DIFFERENCE)
VALUES = {
    "sigmoid": -math.log(Q),  # .371
    "hinge": 1 - DIFFERENCE,
    "ipo": ((UP - DOWN) / 3 - 1 / (2 * BETA)) ** 2,  # three tokens each: a mean over tokens
    "exo_pair": Q * math.log(Q / 0.999) + (1 - Q) * math.log((1 - Q) / 0.001),
    "nca_pair": -math.log(sigmoid(0.5)) - 0.5 * math.log(sigmoid(-0.5)) - 0.5 * math.log(sigmoid(0.3)),
    "robust": (-0.999 * math.log(Q) + 0.001 * math.log(1 - Q)) / 0.998,
    "bco_pair": -math.log(sigmoid(0.5)) - math.log(sigmoid(0.3)),
    "sppo_hard": (UP - 5) ** 2 + (DOWN + 5) ** 2,
    "aot": -0.999 * math.log(Q) - 0.001 * math.log(1 - Q),  # one pair: nothing to sort
    "aot_unpaired": -0.999 * math.log(Q) - 0.001 * math.log(1 - Q),
    "apo_zero": 1 - sigmoid(0.5) + sigmoid(-0.3),
    "apo_down": sigmoid(0.5) + 1 - Q,
    "discopop": -math.log(Q) * (1 - sigmoid(16)) + math.exp(-DIFFERENCE) * sigmoid(16),
    "sigmoid_norm": -math.log(sigmoid(DIFFERENCE / 3)),
}


def test_each_loss_has_the_value_of_its_formula(start, tmp_path):
    """The reference's log-probabilities are set so that the log-ratios are +5 (chosen) and −3 (rejected), β = .1."""
    trainer = trainer_of(start, tmp_path, DpoSettings(beta=BETA, precompute_reference=True), batch=1)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    batch["ref_chosen_logps"] = batch["ref_chosen_logps"] - UP
    batch["ref_rejected_logps"] = batch["ref_rejected_logps"] - DOWN
    assert VALUES["sigmoid"] == pytest.approx(0.371, abs=5e-4)
    for name, value in VALUES.items():
        trainer.loss_types = [name]
        trainer.label_smoothing = 0.001 if name in ("exo_pair", "robust", "aot", "aot_unpaired") else 0.0
        assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(value, abs=1e-4), name
    trainer.loss_types, trainer.loss_weights = ["sft"], [0.5]
    ids = torch.tensor([trainer.train_dataset[0]["prompt_ids"] + trainer.train_dataset[0]["chosen_ids"]])
    logprobs = trainer.model(input_ids=ids).logits[0, :-1].log_softmax(-1)
    mean = -logprobs.gather(1, ids[0, 1:, None])[-3:].mean().item()
    assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(0.5 * mean, abs=1e-4)


@pytest.mark.parametrize("options", [{}, {"precompute_reference": True}, {"lora": LoraSettings(rank=4, dropout=0)}])
def test_it_starts_at_ln_2_and_widens_the_margin(start, tmp_path, options):
    log = train(start, tmp_path, epochs=6, **options)
    assert log.losses[0] == pytest.approx(math.log(2), abs=1e-5)
    assert log.losses[-1] < 0.6 and log.metrics[-1]["rewards/margins"] > 0.2
    assert log.steps == list(range(1, 13)) and log.skipped == []


def test_a_reference_scored_before_or_held_gives_the_same_weights(start, tmp_path):
    train(start, tmp_path, "held")
    train(start, tmp_path, "before", precompute_reference=True)
    a, b = (load_model(tmp_path / name, DpoSettings())[0].state_dict() for name in ("held", "before"))
    assert all(torch.allclose(a[k], b[k], atol=1e-5) for k in a)


def test_one_batch_of_eight_equals_eight_of_one_accumulated(start, tmp_path):
    one = train(start, tmp_path, "one", batch_size=8)
    eight = train(start, tmp_path, "eight", batch_size=8, accumulation=8)
    assert one.losses == pytest.approx(eight.losses, abs=1e-4) and len(one.losses) == 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lora": LoraSettings(rank=4, dropout=0.3), "disable_dropout": False},
        {"sync_reference": ReferenceSync(every=2)},
    ],
)
def test_a_killed_training_goes_on_to_the_same_weights(start, tmp_path, options):
    options |= {"epochs": 3, "save_every": 2, "warmup": 2, "schedule": "cosine"}
    whole = train(start, tmp_path, "whole", **options)
    assert killed_at(5, lambda on_step: train(start, tmp_path, "parts", on_step, **options))
    torn = tmp_path / "parts-work" / "checkpoint-6"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")
    assert not (tmp_path / "parts").exists()
    seen = []
    resumed = train(start, tmp_path, "parts", lambda done, total: seen.append((done, total)), **options)
    assert resumed.resumed_from == 4 and seen == [(5, 6), (6, 6)]
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert resumed.losses == whole.losses and resumed.metrics == whole.metrics


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": ["sigmoid", "sft"], "loss_weights": [1.0]}, "1 loss_weights for 2 losses"),
        ({"label_smoothing": 0.1}, "label_smoothing acts on robust"),
        ({"loss": ["exo_pair"]}, "infinite without label_smoothing"),
        ({"loss": ["apo_zero"], "divergence": "js_divergence"}, "no meaning for apo_zero"),
        ({"sync_reference": ReferenceSync(), "precompute_reference": True}, "must be held in memory"),
        ({"loss": ["aot"], "weigh_by_likelihood": True}, "needs pairs"),
        ({"loss": ["dpo"]}, "sigmoid_norm"),
    ],
)
def test_settings_that_contradict_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        DpoSettings(**options)


def test_rows_that_cannot_be_learned_from_are_refused(start, tmp_path):
    settings, places = DpoSettings(), {"seed": 0, "folder": tmp_path / "w", "out": tmp_path / "o"}
    with pytest.raises(DataError, match="no pairs to train on: all scores tie"):
        train_dpo(start, [], settings, **places)
    same = PreferencePair("p", pairs()[0].messages, "Ari .", "Ari .", 1.0)
    with pytest.raises(DataError, match="p: chosen and rejected response are the same"):
        train_dpo(start, [same], settings, **places)
    long = PreferencePair("p", pairs()[0].messages, "Ari " * 200, "Bel .", 1.0)
    with pytest.raises(ContextLengthError, match="p: 7 tokens of prompt and 201 of response do not fit into 128"):
        train_dpo(start, [long], settings, **places)
    assert not (tmp_path / "o").exists()


def test_training_leaves_the_start_as_it_was(start, tmp_path):
    before = weights(start)
    train(start, tmp_path)
    fresh, _ = make_model()
    assert weights(start) == before
    trained, _ = load_model(tmp_path / "a", DpoSettings())
    assert not torch.equal(trained.state_dict()["model.norm.weight"], fresh.state_dict()["model.norm.weight"])
