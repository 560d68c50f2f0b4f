"""What all trainers go through: lineage, refusals, broken numbers, memory, and models found again by name."""

import itertools
import json
import math
import shutil

import pytest
import torch
from preference_rows import demonstrations, killed_at
from pydantic import Field

from micro_models import make_model, make_tokenizer, save_micro
from veracity.core.config import Settings
from veracity.core.errors import CapabilityError, ConfigError, DataError, MissingExtraError, ModelError, NonFiniteError
from veracity.core.requests import Message
from veracity.models.kinds.trained import trained_models
from veracity.models.resolve import open_model
from veracity.training import memory
from veracity.training.arguments import check_loggers, shared_arguments
from veracity.training.demonstrations import DemonstrationSettings, demonstration_trainer, train_demonstrations
from veracity.training.exchanges import ExchangeEncoder, end_mark
from veracity.training.launcher import Launch
from veracity.training.lineage import read_lineage
from veracity.training.loading import load_model, save_model, save_state
from veracity.training.memory import MemoryShape, Sharding, check_memory, estimate_memory
from veracity.training.settings import LoraSettings, SftSettings
from veracity.training.surroundings import contained
from veracity.training.watch import TrainingLog, watcher

TINY_NEOX = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
FAST = DemonstrationSettings(batch_size=4, epochs=3, learning_rate=1e-2, warmup=0, schedule="constant")


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return save_micro(tmp_path_factory.mktemp("models") / "start")


def train(start, tmp_path, name="a", settings=FAST, rows=None, **more):
    places = {"seed": 1, "folder": tmp_path / f"{name}-work", "out": tmp_path / name}
    return train_demonstrations(start, rows or demonstrations(), settings, **{**places, **more})


def encoded(tokenizer):
    encoder = ExchangeEncoder(tokenizer, 100)
    return [encoder.encode(d.item, d.messages, d.response) for d in demonstrations()]


def test_every_setting_of_demonstrations_reaches_the_trainer(tmp_path):
    settings = DemonstrationSettings(
        batch_size=6, accumulation=3, warmup=0.3, weight_decay=0.12, beta1=0.81, beta2=0.91, grad_clip=0.7, epochs=4,
        learning_rate=1.5e-3, schedule="cosine", max_length=99, group_by_length=True, save_every=11, non_finite="skip",
    )  # fmt: skip
    model, tokenizer = make_model()
    a = demonstration_trainer(model, tokenizer, encoded(tokenizer), settings, 9, tmp_path, 2).args
    assert (a.num_train_epochs, a.learning_rate, a.lr_scheduler_type, a.warmup_steps) == (4, 1.5e-3, "cosine", 0.3)
    assert (a.per_device_train_batch_size, a.gradient_accumulation_steps, a.max_length) == (2, 3, 99)
    assert (a.weight_decay, a.adam_beta1, a.adam_beta2, a.max_grad_norm) == (0.12, 0.81, 0.91, 0.7)
    assert (a.seed, a.save_steps, a.train_sampling_strategy) == (9, 11, "group_by_length")
    assert a.logging_nan_inf_filter


def test_the_response_alone_carries_loss(start, tmp_path):
    """The first step's loss is the mean of −log p over the three tokens of each of the eight responses."""
    log = train(start, tmp_path, settings=FAST.model_copy(update={"batch_size": 8, "epochs": 1}))
    model, tokenizer = make_model()
    total = 0.0
    for row in encoded(tokenizer):
        example = row.example()
        assert tokenizer.decode(row.response_ids).endswith("<|end|>") and len(row.response_ids) == 3
        logprobs = model(input_ids=torch.tensor([example.input_ids])).logits[0].log_softmax(-1).tolist()
        at = range(len(row.prompt_ids), len(example.input_ids))
        total -= sum(logprobs[i - 1][example.input_ids[i]] for i in at)
    assert log.losses == pytest.approx([total / 24], abs=1e-4)


def test_a_finished_model_knows_where_it_comes_from_and_is_not_trained_again(start, tmp_path):
    log = train(start, tmp_path, run="r1", recipe="facttune")
    lineage = read_lineage(tmp_path / "a")
    assert (lineage.trainer, lineage.parent_name, lineage.steps, lineage.skipped) == ("sft", str(start), 6, 0)
    assert (lineage.run, lineage.recipe, lineage.seed) == ("r1", "facttune", 1)
    assert (
        lineage.settings["learning_rate"] == 1e-2 and len(lineage.parent) == len(lineage.data["demonstrations"]) == 64
    )
    seen = []
    again = train(start, tmp_path, on_step=lambda *step: seen.append(step))
    assert seen == [] and again == log
    train(start, tmp_path, rows=demonstrations(7), folder=tmp_path / "other", on_step=lambda *step: seen.append(step))
    assert len(seen) == 6 and read_lineage(tmp_path / "a").data != lineage.data


def test_a_damaged_or_missing_lineage_is_said(tmp_path):
    with pytest.raises(ModelError, match=r"no lineage\.json"):
        read_lineage(tmp_path)
    (tmp_path / "lineage.json").write_text("{")
    with pytest.raises(ModelError, match="damaged"):
        read_lineage(tmp_path)


def test_checkpoints_of_another_training_are_refused(start, tmp_path):
    """Another start model (another architecture), other rows or settings: never mixed with what lies in the folder."""
    settings = FAST.model_copy(update={"save_every": 2})
    assert killed_at(3, lambda on_step: train(start, tmp_path, settings=settings, on_step=on_step))
    wide, tokenizer = make_model(hidden=48)
    save_model(wide, tokenizer, tmp_path / "wide")
    for changed in ({"start": tmp_path / "wide"}, {"rows": demonstrations(6)}):
        with pytest.raises(ConfigError, match="checkpoint of another training"):
            train(**{"start": start, "tmp_path": tmp_path, "settings": settings, **changed})
    assert train(start, tmp_path, settings=settings).resumed_from == 2


def test_a_folder_without_a_model_and_a_tokenizer_without_a_template_are_refused(start, tmp_path):
    with pytest.raises(ModelError, match="no model could be read"):
        train(tmp_path / "nothing", tmp_path)
    tokenizer = make_tokenizer()
    assert end_mark(tokenizer) == tokenizer.convert_tokens_to_ids("<|end|>")
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}<eos>{% endfor %}"
    assert end_mark(tokenizer) == tokenizer.convert_tokens_to_ids("<eos>")  # what the template writes there
    tokenizer.chat_template = None
    with pytest.raises(CapabilityError, match="chat template"):
        ExchangeEncoder(tokenizer, 10)
    with pytest.raises(DataError, match="d0: the response is empty"):
        ExchangeEncoder(make_tokenizer(), 10).encode("d0", (Message("user", "a"),), " ")


def test_weights_of_another_architecture_are_refused(start, tmp_path):
    from transformers import GPTNeoXConfig, LlamaConfig

    model, tokenizer = make_model(hidden=48)
    for name, config in (("wide", model.config), ("other", GPTNeoXConfig(**{**TINY_NEOX, "vocab_size": 58}))):
        shutil.copytree(start, tmp_path / name)
        config.save_pretrained(tmp_path / name)
        with pytest.raises(ModelError, match=rf"{name}: (its weights are not those of|no model could be read)"):
            train(tmp_path / name, tmp_path)
    deeper = LlamaConfig(**{**make_model()[0].config.to_dict(), "num_hidden_layers": 3})
    shutil.copytree(start, tmp_path / "deeper")
    deeper.save_pretrained(tmp_path / "deeper")
    with pytest.raises(ModelError, match=r"are missing, as model\.layers\.2"):
        train(tmp_path / "deeper", tmp_path)
    assert tokenizer and not (tmp_path / "a").exists()


def poisoned(tmp_path, non_finite, at):
    """Train 6 steps with the gradient of one weight NaN at the steps `at`; weights after each step."""
    settings = FAST.model_copy(update={"non_finite": non_finite})
    model, tokenizer = make_model()
    log, after, calls = TrainingLog(), [], []

    def poison(gradient):
        calls.append(1)
        return gradient * math.nan if len(calls) in at else gradient

    model.model.norm.weight.register_hook(poison)
    with contained(model):
        trainer = demonstration_trainer(model, tokenizer, encoded(tokenizer), settings, 1, tmp_path, 4)
        keep = lambda *_: after.append({k: v.clone() for k, v in model.state_dict().items()})  # noqa: E731
        trainer.add_callback(watcher(log, tmp_path, Launch(0, 1, None), non_finite, on_step=keep))
        trainer.train()
    return log, after


def test_a_broken_gradient_is_skipped_and_counted_and_changes_nothing(tmp_path):
    log, after = poisoned(tmp_path, "skip", at={2, 5})
    assert log.skipped == [2, 5] and log.steps == [1, 3, 4, 6]
    assert all(map(math.isfinite, log.losses))
    same = [all(torch.equal(a[k], b[k]) for k in a) for a, b in itertools.pairwise(after)]
    assert same == [True, False, False, True, False]


def test_a_broken_gradient_stops_by_name_before_it_reaches_the_weights(tmp_path):
    with pytest.raises(NonFiniteError, match="training step 3: the gradient is not finite"):
        poisoned(tmp_path, "stop", at={3})


def test_what_was_trained_before_a_stop_is_kept(tmp_path):
    model, tokenizer = make_model()
    with torch.no_grad():
        model.model.norm.weight[0] = math.nan
    save_model(model, tokenizer, tmp_path / "broken")
    with pytest.raises(NonFiniteError, match=r"step 1.*the weights before it are in .*stopped"):
        train(tmp_path / "broken", tmp_path)
    assert "not finite" in read_lineage(tmp_path / "a-work" / "stopped").notes["stopped"]
    load_model(tmp_path / "a-work" / "stopped", FAST)
    assert not (tmp_path / "a").exists()
    hopeless = FAST.model_copy(update={"non_finite": "skip", "epochs": 6})
    with pytest.raises(NonFiniteError, match="step 10: 10 gradients in a row"):
        train(tmp_path / "broken", tmp_path, "b", hopeless)


def test_memory_is_counted_by_parts(start):
    """Micro model: P weights of 4 bytes, as many gradients, two moments; 2 rows × 10 tokens × 2 layers × 32 × 68."""
    model, _ = make_model()
    size = 4 * sum(p.numel() for p in model.parameters())
    full = estimate_memory(start, FAST, MemoryShape(2, 10, reference=True), bfloat16=False)
    assert (full.weights, full.gradients, full.optimizer, full.reference) == (size, size, 2 * size, size)
    assert full.activations == 2 * 10 * 2 * 32 * 68 and full.total == 5 * size + full.activations
    leaner = FAST.model_copy(update={"lora": LoraSettings(rank=2), "gradient_checkpointing": True})
    adapters = estimate_memory(start, leaner, MemoryShape(2, 10), bfloat16=True)
    assert adapters.gradients < size / 4 and adapters.optimizer == 2 * adapters.gradients
    assert adapters.activations * 34 == full.activations and adapters.reference == 0
    assert estimate_memory(start, FAST, MemoryShape(1, 1), bfloat16=False, sharding=Sharding(4, 4)).weights == size // 4


def test_too_little_memory_is_refused_before_the_start(start, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 100_000)
    with pytest.raises(ModelError, match=r"takes at least .* MB \(weights .*0\.1 MB are free.*gradient_checkpointing"):
        train(start, tmp_path)
    assert not (tmp_path / "a-work").exists()
    monkeypatch.undo()
    assert check_memory(start, FAST, MemoryShape(1, 8)).total > 0


class Section(Settings):
    """A section with a training."""

    training: SftSettings = Field(default_factory=SftSettings)


class Nested(Settings):
    """Settings of a run with a section."""

    start: Section | None = None


def test_a_logger_that_is_not_installed_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("veracity.training.arguments.find_spec", lambda name: None)
    settings = FAST.model_copy(update={"log_to": "wandb"})
    with pytest.raises(MissingExtraError, match="log_to=wandb needs wandb"):
        shared_arguments(settings, settings, seed=0, folder=tmp_path, batch=1, device="cpu")
    with pytest.raises(MissingExtraError, match=r"start\.training\.log_to=wandb needs wandb"):
        check_loggers(Nested(start=Section(training=SftSettings(log_to="wandb"))))
    monkeypatch.undo()
    monkeypatch.setattr("veracity.training.arguments.find_spec", lambda name: object())
    arguments = shared_arguments(settings, settings, seed=0, folder=tmp_path, batch=1, device="cpu")
    assert arguments["report_to"] == "wandb"


def test_adapters_are_merged_the_same_from_a_gathered_state(start, tmp_path):
    """A sharded model is written from its gathered weights; here nothing is sharded, so both ways must agree."""
    from peft import get_peft_model

    from veracity.training.arguments import lora_config

    settings = FAST.model_copy(update={"lora": LoraSettings(rank=4)})
    model, tokenizer = load_model(start, settings)
    adapted = get_peft_model(model, lora_config(settings.lora))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(generator=torch.Generator().manual_seed(0))
    save_model(adapted, tokenizer, tmp_path / "whole")
    save_state(adapted, adapted.state_dict(), tokenizer, tmp_path / "gathered", settings, start)
    a, b, before = (load_model(f, FAST)[0].state_dict() for f in (tmp_path / "whole", tmp_path / "gathered", start))
    assert all(torch.equal(a[k], b[k]) for k in a) and not all(torch.equal(a[k], before[k]) for k in a)


def test_a_trained_model_is_found_again_by_name(start, tmp_path):
    runs = tmp_path / "runs"
    train(start, tmp_path, out=runs / "r1" / "models" / "sft", run="r1")
    opened = open_model(f"trained/r1/sft?runs={runs}")
    assert opened.name == "trained/r1/sft" and opened.identity != open_model(str(start)).identity
    assert [(m.name, m.trainer, m.steps, m.parent) for m in trained_models(runs)] == [
        ("trained/r1/sft", "sft", 6, str(start))
    ]
    with pytest.raises(ConfigError, match="did you mean 'trained/r1/sft'"):
        open_model(f"trained/r1/sfd?runs={runs}")
    path = runs / "r1" / "models" / "sft" / "lineage.json"
    path.write_text(json.dumps({"trainer": "sft"}))
    assert trained_models(runs) == []
