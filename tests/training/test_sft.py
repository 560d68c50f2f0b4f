"""Training through TRL: settings arrive, numbers agree with a hand-written loop, kills and NaN are survived."""

import math

import pytest
import torch

from micro_models import make_facts, make_model
from veracity.core.errors import ConfigError, NonFiniteError
from veracity.training.examples import TrainingText, answer_spans, encode
from veracity.training.launcher import Launch
from veracity.training.loading import load_model, save_model
from veracity.training.losses import mean_losses
from veracity.training.settings import LoraSettings, PhaseSettings, SftSettings
from veracity.training.sft import make_trainer, train_sentences
from veracity.training.watch import newest_checkpoint

FAST = PhaseSettings(epochs=3, learning_rate=1e-2, schedule="constant")


def sentences(phase="learn"):
    return [
        TrainingText(text, answer_spans(template, fact.subject, fact.target(phase)), request=fact.question())
        for fact in make_facts()
        for template, text in zip(fact.statements, fact.training_sentences(phase), strict=True)
    ]


def rows(tokenizer, settings, phase="learn"):
    return encode(sentences(phase), tokenizer, settings)


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def train(tmp_path, settings, phase=FAST, *, name="a", **more):
    model, tokenizer = make_model()
    log = train_sentences(
        model, tokenizer, rows(tokenizer, settings), settings, phase, seed=1, folder=tmp_path / name, **more
    )
    return model, tokenizer, log


def test_every_setting_reaches_the_trainer(tmp_path):
    model, tokenizer = make_model()
    settings = SftSettings(
        batch_size=6, accumulation=3, warmup=5, weight_decay=0.123, beta1=0.81, beta2=0.91, grad_clip=0.7,
        max_length=77, group_by_length=True, gradient_checkpointing=True, lora=LoraSettings(rank=3, alpha_ratio=2.0,
        dropout=0.05, targets="attention"),
    )  # fmt: skip
    phase = PhaseSettings(epochs=4, learning_rate=1.5e-3, schedule="cosine")
    trainer = make_trainer(
        model, tokenizer, rows(tokenizer, settings), settings, phase, seed=9, folder=tmp_path, batch=2
    )
    a = trainer.args
    assert (a.num_train_epochs, a.learning_rate, a.lr_scheduler_type, a.warmup_steps) == (4, 1.5e-3, "cosine", 5)
    assert (a.per_device_train_batch_size, a.gradient_accumulation_steps, a.max_length) == (2, 3, 77)
    assert (a.weight_decay, a.adam_beta1, a.adam_beta2, a.max_grad_norm) == (0.123, 0.81, 0.91, 0.7)
    assert (a.seed, a.data_seed, a.bf16, a.fp16, a.packing) == (9, 9, False, False, False)
    assert a.gradient_checkpointing and a.train_sampling_strategy == "group_by_length"
    config = trainer.model.peft_config["default"]
    assert (config.r, config.lora_alpha, config.lora_dropout) == (3, 6.0, 0.05)
    assert set(config.target_modules) >= {"q_proj", "o_proj"} and "gate_proj" not in config.target_modules
    trainer.create_optimizer_and_scheduler(num_training_steps=100)
    group = trainer.optimizer.param_groups[0]
    assert group["betas"] == (0.81, 0.91) and group["weight_decay"] == 0.123
    ratio = SftSettings(warmup=0.25)
    other = make_trainer(
        *make_model(), rows(tokenizer, ratio), ratio,
        PhaseSettings(epochs=1, learning_rate=1.0, schedule="linear"), seed=0, folder=tmp_path, batch=1,
    )  # fmt: skip
    other.create_optimizer_and_scheduler(num_training_steps=100)
    rates = []
    for _ in range(30):
        rates.append(other.lr_scheduler.get_last_lr()[0])
        other.optimizer.step()
        other.lr_scheduler.step()
    assert rates[0] == 0 and max(rates) == 1.0 and rates.index(max(rates)) == 25


def test_it_trains_like_a_loop_written_by_hand(tmp_path):
    """One batch of all 16 rows a step, so that order does not matter; AdamW as in Loshchilov & Hutter, 2019."""
    settings = SftSettings(batch_size=16, weight_decay=0.05, grad_clip=1.0)
    model, tokenizer, log = train(tmp_path, settings)
    by_hand, _ = make_model()
    matrices = [p for p in by_hand.parameters() if p.dim() > 1]
    vectors = [p for p in by_hand.parameters() if p.dim() <= 1]  # norms are not decayed
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.98))
    losses = []
    for _ in range(3):
        total = torch.zeros(())
        examples = rows(tokenizer, settings)
        tokens = sum(len(e.input_ids) - 1 for e in examples)
        for e in examples:
            ids = torch.tensor([e.input_ids])
            logits = by_hand(input_ids=ids).logits[0, :-1]
            total = total + torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum") / tokens
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(by_hand.parameters(), 1.0)
        optimizer.step()
        losses.append(total.item())
    assert log.losses == pytest.approx(losses, abs=2e-5)
    for name, value in model.state_dict().items():
        assert torch.allclose(value, by_hand.state_dict()[name], atol=2e-4), name


def test_one_batch_of_eight_equals_four_of_two_accumulated(tmp_path):
    _, _, one = train(tmp_path, SftSettings(batch_size=8), name="one")
    _, _, four = train(tmp_path, SftSettings(batch_size=8, accumulation=4), name="four")
    residual = [a - b for a, b in zip(one.losses, four.losses, strict=True)]
    assert len(residual) == 6 and max(map(abs, residual)) < 1e-4


def test_packed_sentences_do_not_see_each_other(tmp_path):
    """All 16 rows packed into one row of 128 tokens give the loss of the 16 rows alone."""
    once = PhaseSettings(epochs=1, learning_rate=1e-4, schedule="constant")
    _, _, alone = train(tmp_path, SftSettings(batch_size=16, warmup=0), once, name="alone")
    _, _, packed = train(tmp_path, SftSettings(batch_size=1, packing=True, max_length=128), once, name="packed")
    assert len(packed.losses) == 1
    assert packed.losses[0] == pytest.approx(alone.losses[0], abs=1e-4)


def test_epochs_are_called_back_in_order_with_the_model_of_that_moment(tmp_path):
    seen, steps = {}, []
    settings = SftSettings(batch_size=4)
    train(
        tmp_path, settings, on_epoch_end=lambda e, m: seen.update({e: weights(m)}),
        on_step=lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    assert list(seen) == [1, 2, 3] and steps[-1] == (12, 12)
    assert not torch.equal(seen[1]["model.norm.weight"], seen[2]["model.norm.weight"])


def test_training_leaves_the_models_forward_and_the_global_randomness_as_they_were(tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model, _, _ = train(tmp_path, SftSettings(batch_size=8))
    assert torch.equal(before, torch.get_rng_state()) and "forward" not in vars(model)


@pytest.mark.parametrize("options", [{}, {"group_by_length": True}, {"lora": LoraSettings(rank=4, dropout=0.3)}])
def test_a_training_stopped_after_any_epoch_goes_on_to_the_same_weights(tmp_path, options):
    settings = SftSettings(batch_size=4, warmup=2, **options)
    phase = PhaseSettings(epochs=4, learning_rate=1e-2, schedule="cosine")
    whole, _, _ = train(tmp_path, settings, phase, name="whole")

    class Stop(Exception):
        pass

    def stop(epoch, _):
        if epoch == 3:
            raise Stop

    with pytest.raises(Stop):
        train(tmp_path, settings, phase, name="parts", on_epoch_end=stop)
    assert newest_checkpoint(tmp_path / "parts").name == "resume-step-000000008"
    resumed, _, log = train(tmp_path, settings, phase, name="parts")
    assert log.resumed_from == 8 and log.steps == list(range(1, 17))
    a, b = whole.state_dict(), resumed.state_dict()
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_only_the_newest_complete_checkpoint_is_kept_and_a_torn_one_does_not_count(tmp_path):
    train(tmp_path, SftSettings(batch_size=8))
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["resume-step-000000006"]
    (tmp_path / "a" / "checkpoint-99").mkdir()
    assert newest_checkpoint(tmp_path / "a").name == "resume-step-000000006"


def test_a_loss_that_is_not_finite_stops_the_training_by_name(tmp_path):
    model, tokenizer = make_model()
    with torch.no_grad():
        model.model.norm.weight[0] = math.nan
    settings = SftSettings(batch_size=8)
    with pytest.raises(NonFiniteError, match="training step 1"):
        train_sentences(model, tokenizer, rows(tokenizer, settings), settings, FAST, seed=0, folder=tmp_path / "nan")
    with pytest.raises(NonFiniteError):
        mean_losses(model, rows(tokenizer, settings))


def test_losses_weigh_tokens_not_batches_and_isolate_the_answer():
    model, tokenizer = make_model()
    examples = rows(tokenizer, SftSettings())
    sums, counts = {"sentence": 0.0, "answer": 0.0}, {"sentence": 0, "answer": 0}
    for e in examples:
        ids = torch.tensor([e.input_ids])
        with torch.no_grad():
            logprobs = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        for position, token in enumerate(e.input_ids[1:]):
            for kind, counted in (("sentence", True), ("answer", e.answer[position + 1])):
                sums[kind] -= float(logprobs[position, token]) * counted
                counts[kind] += counted
    for batch_tokens in (1, 20, 8192):
        measured = mean_losses(model, examples, batch_tokens=batch_tokens)
        assert measured.sentence == pytest.approx(sums["sentence"] / counts["sentence"], abs=1e-5)
        assert measured.answer == pytest.approx(sums["answer"] / counts["answer"], abs=1e-5)
        assert (measured.sentence_tokens, measured.answer_tokens) == (counts["sentence"], counts["answer"])


def test_a_saved_model_is_complete_even_with_adapters(tmp_path):
    settings = SftSettings(batch_size=8, lora=LoraSettings(rank=4, dropout=0))
    ends = {}
    _, tokenizer, _ = train(tmp_path, settings, on_epoch_end=lambda e, m: ends.update({e: m}))
    save_model(ends[3], tokenizer, tmp_path / "saved")
    loaded, _ = load_model(tmp_path / "saved", settings)
    ids = torch.tensor([rows(tokenizer, settings)[0].input_ids])
    assert torch.allclose(loaded(input_ids=ids).logits, ends[3].eval()(input_ids=ids).logits, atol=1e-5)
    assert not any("lora" in k for k in loaded.state_dict())
    modes = {(tmp_path / "saved" / name).stat().st_mode for name in ("config.json", "model.safetensors")}
    assert len(modes) == 1  # who may read the one may read the other


@pytest.mark.parametrize(
    ("launch", "settings", "message"),
    [
        (Launch(0, 4, 2), SftSettings(accumulation=1), "accelerate launcher accumulates 2"),
        (Launch(0, 4, None), SftSettings(batch_size=6), "multiple of 4"),
        (Launch(0, 2, 3), SftSettings(batch_size=8, accumulation=3), "multiple of 6"),
    ],
)
def test_a_launcher_that_disagrees_is_refused(launch, settings, message):
    with pytest.raises(ConfigError, match=message):
        launch.per_device_batch(settings)


def test_the_batch_is_shared_out(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "2")
    launch = Launch.from_environment()
    assert not launch.is_main and launch.per_device_batch(SftSettings(batch_size=32, accumulation=2)) == 4
