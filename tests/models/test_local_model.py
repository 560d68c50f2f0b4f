from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_architectures import ARCHITECTURES, byte_pair_tokenizer, merging_tokenizer, random_model
from transformers import AddedToken

from veracity.core.errors import CapabilityError, ContextLengthError, ModelError, NonFiniteError
from veracity.core.requests import Backend, Call, Embed, Generate, Generated, Message, Sampling, Score, Scored, user
from veracity.models.local import LocalModel, scoring
from veracity.models.local.rendering import Joined, Renderer

PROMPTS = [
    "Who discovered the comet?",
    "The capital of Ostrava is",
    "Question: where was Joren born? Answer:",
    "A",
    "one two three four five six seven eight nine ten eleven twelve and the river Tarn flows through Nelba",
]
CHOICES = [" Mara Velin", " in the town of Halvik", " zeltrine", " 1931.", "x"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return byte_pair_tokenizer()


@pytest.fixture(scope="module", params=ARCHITECTURES)
def local(request, tokenizer) -> LocalModel:
    return LocalModel.wrap(random_model(request.param, len(tokenizer)), tokenizer, name=request.param)


@pytest.fixture(scope="module")
def llama(tokenizer) -> LocalModel:
    return LocalModel.wrap(random_model("llama", len(tokenizer)), tokenizer, name="llama")


def forced(model: Any, ids: list[int], start: int) -> list[float]:
    """Teacher-forced log-probabilities of ids[start:], by one plain forward pass."""
    with torch.inference_mode():
        logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), -1)
    return [float(logprobs[i - 1, ids[i]]) for i in range(start, len(ids))]


def answers(local: LocalModel, calls: list[Call]) -> dict[int, Any]:
    async def gather() -> dict[int, Any]:
        found: dict[int, Any] = {}
        async for key, reply in local.answer(calls):
            assert key not in found
            found[key] = reply
        return found

    return asyncio.run(gather())


def test_it_is_a_backend(llama):
    assert isinstance(llama, Backend)
    assert llama.abilities == {"generate", "score", "chat"}
    assert llama.threads == 1


def test_greedy_equals_the_librarys_own(local):
    ours = local.generate(PROMPTS, sampling=Sampling(max_tokens=20))
    for prompt, samples in zip(PROMPTS, ours, strict=True):
        ids = local.tokenizer(prompt, return_tensors="pt").input_ids
        with torch.inference_mode():
            theirs = local.model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20, pad_token_id=1
            )
        new = theirs[0, ids.shape[1] :]
        assert samples[0].text == local.tokenizer.decode(new, skip_special_tokens=True)
        assert samples[0].output_tokens == len(new)
        assert samples[0].finish == ("stop" if int(new[-1]) == 1 else "length")


def test_scores_equal_a_teacher_forced_pass(local):
    pairs = [(p, c) for p in PROMPTS for c in CHOICES]
    for (prompt, continuation), scored in zip(pairs, local.score(pairs), strict=True):
        ids = local.tokenizer(prompt + continuation).input_ids
        start = len(ids) - len(scored.logprobs)
        assert list(scored.logprobs) == pytest.approx(forced(local.model, ids, start), abs=1e-4)
        assert "".join(scored.tokens) == continuation


def test_packed_and_expanded_paths_agree(tokenizer):
    pairs = [(p, c) for p in PROMPTS[:4] for c in CHOICES]
    full = LocalModel.wrap(random_model("llama", len(tokenizer)), tokenizer, name="packed")
    packed = full.score(pairs)
    joined = full._renderer.join([(full._renderer.render(p), c) for p, c in pairs])
    trees = scoring.grow_trees(joined, [p for p, _ in pairs])
    values: dict[int, list[float]] = {}
    for batch in scoring.batches(trees, full._limits(), equal_prefix=True):
        with torch.inference_mode():
            values |= scoring.score_expanded(full.model, batch)
    for i, scored in enumerate(packed):
        assert values[i] == pytest.approx(list(scored.logprobs), abs=1e-4)


def test_a_row_holds_every_path_once(llama):
    """Continuations that share beginnings, repeat, or end inside one another, against plain passes token by token."""
    prefix, branches = [0, 40, 41], [[7, 8, 9], [7, 8], [7, 8, 9, 5], [7, 8], [7, 6, 9], [3], [7], [7, 8, 2, 5], [4, 7]]
    sequences = [Joined(prefix + branch, 3) for branch in branches]
    (tree,) = scoring.grow_trees(sequences, ["same"] * len(branches))
    ids, _, _, _ = scoring._pack([tree])
    runs = {tuple(b[:k]) for b in branches for k in range(1, len(b))}
    assert ids.shape == (1, tree.size)
    assert tree.size == len(prefix) + len(runs)
    other = scoring.grow_trees([Joined([0, 9, 9, 9, 9, 9], 1)], ["other"])[0]  # a second row, so that one is padded
    with torch.inference_mode():
        values = scoring.score_packed(llama.model, [tree, replace(other, members=(99,))])
    for i, branch in enumerate(branches):
        assert values[i] == pytest.approx(forced(llama.model, prefix + branch, 3), abs=1e-4)
    assert values[99] == pytest.approx(forced(llama.model, [0, 9, 9, 9, 9, 9], 1), abs=1e-4)


def test_score_is_additive_over_concatenation(local):
    prompt, first, second = PROMPTS[0], " Mara Velin", " discovered the comet"
    whole, head, tail = local.score([(prompt, first + second), (prompt, first), (prompt + first, second)])
    assert whole.total == pytest.approx(head.total + tail.total, abs=1e-4)


def test_eager_attention_gives_the_same_scores(tokenizer):
    model = random_model("llama", len(tokenizer))
    pairs = [(p, c) for p in PROMPTS for c in CHOICES]
    plain = LocalModel.wrap(model, tokenizer, name="sdpa").score(pairs)
    model.set_attn_implementation("eager")
    eager = LocalModel.wrap(model, tokenizer, name="eager").score(pairs)
    for a, b in zip(plain, eager, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)


def test_a_token_across_the_boundary_is_scored_whole():
    """ "a" + "bcd" tokenises as one "abc" and a "d": both are scored, given the start mark alone.

    "d a" + "b" is d, space, ab: only "ab" is scored, given the two before it; "d a" + "cd" shares d, space, a with
    nobody but itself, and the two may not share the token "a".
    """
    tokenizer = merging_tokenizer()
    local = LocalModel.wrap(random_model("llama", len(tokenizer)), tokenizer, name="merging")
    ids = tokenizer.get_vocab()
    crossing, one, other = local.score([("a", "bcd"), ("d a", "b"), ("d a", "cd")])
    assert crossing.tokens == ("abc", "d")
    assert list(crossing.logprobs) == pytest.approx(forced(local.model, [0, ids["abc"], ids["d"]], 1), abs=1e-4)
    assert one.tokens == ("ab",)
    assert list(one.logprobs) == pytest.approx(forced(local.model, [ids["d"], ids[" "], ids["ab"]], 2), abs=1e-4)
    assert other.tokens == ("cd",)
    plain = [ids["d"], ids[" "], ids["a"], ids["cd"]]
    assert list(other.logprobs) == pytest.approx(forced(local.model, plain, 3), abs=1e-4)


PIECES = st.lists(st.sampled_from(["a", "b", "c", "d", " ", "☃", "<s>", "<s>d"]), max_size=6).map("".join)


@given(st.lists(st.tuples(PIECES, PIECES), min_size=1, max_size=4))
def test_shared_contexts_start_where_offsets_say(pairs):
    """Some tokens merge across the boundary, stand for any unknown text, or swallow the spaces after them."""
    tokenizer = merging_tokenizer()
    tokenizer.add_tokens([AddedToken("<s>d", rstrip=True)])
    tokenizer.backend_tokenizer.model.unk_token = "</s>"
    tokenizer.backend_tokenizer.model.fuse_unk = True
    assert tokenizer("a☃☃b", add_special_tokens=False).input_ids == [2, 1, 3]
    renderer = Renderer(tokenizer, "merging")
    many = [pair for context, rest in pairs for pair in [(context, rest), (context, " " + rest), (context, "b" + rest)]]
    contexts, texts = [context for context, _ in many], [context + rest for context, rest in many]
    assert renderer._sequences(contexts, texts) == renderer._by_offsets(contexts, texts)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1.0, max_tokens=12, seed=3),
        Sampling(temperature=0.7, top_p=0.9, max_tokens=12, seed=3),
        Sampling(temperature=1.3, top_k=20, max_tokens=12, seed=3, stop=("e",)),
    ],
)
def test_a_request_gives_the_same_texts_whatever_shares_its_batch(local, sampling):
    prompts = [f"{p} {i}" for i in range(4) for p in PROMPTS]
    together = local.generate(prompts, 3, sampling)
    order = torch.randperm(len(prompts), generator=torch.Generator().manual_seed(1)).tolist()
    shuffled = local.generate([prompts[i] for i in order], 3, sampling)
    assert [shuffled[order.index(i)] for i in range(len(prompts))] == together
    assert local.generate(prompts[:7], 3, sampling) + local.generate(prompts[7:], 3, sampling) == together
    alone = [local.generate([prompts[2]], sampling=sampling, replicates=[r])[0][0] for r in range(3)]
    assert alone == together[2]
    assert len({s.text for s in together[2]}) > 1


def test_sampled_frequencies_follow_the_model(llama):
    """4,000 first tokens against softmax: total variation below its expectation of Σ√(2p/(πN))/2 by a margin of 1.3."""
    prompt, n = PROMPTS[1], 4000
    samples = llama.generate([prompt], n, Sampling(temperature=1.0, max_tokens=1, seed=5))[0]
    with torch.inference_mode():
        logits = llama.model(llama.tokenizer(prompt, return_tensors="pt").input_ids).logits[0, -1]
    probabilities = torch.softmax(logits, -1)
    pieces = llama._renderer.decode([[i] for i in range(len(probabilities))])
    expected: dict[str, float] = {}
    for piece, p in zip(pieces, probabilities.tolist(), strict=True):
        expected[piece] = expected.get(piece, 0.0) + p
    seen: dict[str, int] = {}
    for s in samples:
        seen[s.text] = seen.get(s.text, 0) + 1
    distance = sum(abs(seen.get(k, 0) / n - p) for k, p in expected.items()) / 2
    typical = sum(math.sqrt(2 * p * (1 - p) / (math.pi * n)) for p in expected.values()) / 2
    assert distance < 1.3 * typical


def test_stop_strings_of_many_tokens_end_the_text_before_them(llama):
    full = llama.generate([PROMPTS[2]], sampling=Sampling(temperature=1.0, max_tokens=40, seed=1))[0][0].text
    stop = full[9:14]
    cut = llama.generate([PROMPTS[2]], sampling=Sampling(temperature=1.0, max_tokens=40, seed=1, stop=(stop,)))[0][0]
    assert cut.text == full[: full.index(stop)]
    assert cut.finish == "stop"
    assert cut.output_tokens < 40


def test_a_special_token_may_be_a_stop_string(llama):
    free = llama.generate(["x"], 200, Sampling(temperature=1.5, max_tokens=30, seed=2))[0]
    ended = llama.generate(["x"], 200, Sampling(temperature=1.5, max_tokens=30, seed=2, stop=("<user>",)))[0]
    assert sum(s.finish == "stop" for s in ended) > sum(s.finish == "stop" for s in free)


def test_conversations_are_rendered_once_with_one_start_mark(llama):
    opened = llama._renderer.render(user("Who?", system="Be brief."))
    assert opened.text == "<s><system>Be brief.</s><user>Who?</s><assistant>"
    continued = llama._renderer.render((*user("Who?"), Message("assistant", "It was")))
    assert continued.text == "<s><user>Who?</s><assistant>It was"
    assert [ids.count(0) for ids in llama._renderer.encode([opened, continued])] == [1, 1]
    raw = llama._renderer.encode([llama._renderer.render(t) for t in ("Who?", "<s>Who?")])
    assert raw[0] == raw[1]
    assert llama.score([(user("Who?"), " Mara")])[0].total == pytest.approx(
        llama.score([("<s><user>Who?</s><assistant>", " Mara")])[0].total, abs=1e-5
    )


def test_a_conversation_without_a_template_is_refused_alone(tokenizer):
    bare = LocalModel.wrap(random_model("llama", len(tokenizer)), byte_pair_tokenizer(chat=False), name="bare")
    assert bare.abilities == {"generate", "score"}
    found = answers(bare, [Call(1, Generate("policy", user("Who?"))), Call(2, Score("policy", "Who?", " Mara"))])
    assert isinstance(found[1], CapabilityError)
    assert "bare" in str(found[1])
    assert "raw text" in str(found[1])
    assert isinstance(found[2], Scored)


def test_too_long_a_prompt_is_refused_alone(tokenizer):
    short = LocalModel.wrap(random_model("llama", len(tokenizer), context=24), tokenizer, name="short")
    long = "one two three four five six " * 8
    sampling = Sampling(max_tokens=100)
    calls = [Call(1, Generate("policy", long)), Call(2, Generate("policy", "A", sampling=sampling))]
    found = answers(short, [*calls, Call(3, Score("policy", "A", long)), Call(4, Score("policy", "A", " town"))])
    assert isinstance(found[1], ContextLengthError)
    assert "24 tokens" in str(found[1])
    assert isinstance(found[2], Generated)
    assert found[2].samples[0].output_tokens <= 22
    assert isinstance(found[3], ContextLengthError)
    assert isinstance(found[4], Scored)


def test_what_is_not_finite_is_an_error(tokenizer):
    model = random_model("llama", len(tokenizer))
    token = tokenizer("zeltrine", add_special_tokens=False).input_ids[-1]
    with torch.no_grad():
        model.model.embed_tokens.weight[token] = math.nan
    broken = LocalModel.wrap(model, tokenizer, name="broken")
    calls = [Call(1, Generate("p", "zeltrine", sampling=Sampling(max_tokens=3))), Call(2, Score("p", "zeltrine", " A"))]
    found = answers(broken, calls)
    assert isinstance(found[1], NonFiniteError)
    assert isinstance(found[2], NonFiniteError)


def test_other_requests_are_refused(llama):
    assert isinstance(answers(llama, [Call(7, Embed("p", ("x",)))])[7], CapabilityError)


def test_replicates_and_seeds_of_many_calls(llama):
    """Calls of one batch keep their own seeds and replicates."""
    requests = [Generate("p", "A", 2, Sampling(temperature=1.0, max_tokens=8, seed=s)) for s in (1, 2)]
    found = answers(llama, [Call(1, requests[0], (0, 1)), Call(2, requests[1], (0, 1)), Call(3, requests[0], (1, 5))])
    assert found[1].samples[1] == found[3].samples[0]
    assert len({s.text for key in (1, 2, 3) for s in found[key].samples}) == 5
    assert found[1].usage.input_tokens == len(llama.tokenizer("A").input_ids)


def test_an_empty_continuation_has_probability_one(llama):
    assert llama.score([("Who?", "")])[0].total == 0


def test_wrap_leaves_training_mode_and_threads_alone(tokenizer):
    model = random_model("llama", len(tokenizer)).train()
    LocalModel.wrap(model, tokenizer, name="training", threads=1).generate(["A"], sampling=Sampling(max_tokens=2))
    assert model.training


def test_identity_is_content(tokenizer, tmp_path):
    model = random_model("llama", len(tokenizer))
    wrapped = LocalModel.wrap(model, tokenizer, name="one")
    before = wrapped.identity
    model.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    loaded = LocalModel.load(tmp_path / "m")
    assert loaded.identity == before == LocalModel.wrap(model, tokenizer, name="two").identity
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1e-3
    assert wrapped.identity != before
    other = byte_pair_tokenizer()
    other.chat_template = "{{ messages }}"
    assert LocalModel.wrap(loaded.model, other, name="one").identity != before


@pytest.mark.parametrize(
    ("removed", "complaint"),
    [("config.json", "config.json"), ("model.safetensors", "weights"), ("tokenizer", "tokenizer")],
)
def test_incomplete_folders_are_refused(tokenizer, tmp_path, removed, complaint):
    random_model("llama", len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for file in tmp_path.iterdir():
        if file.name.startswith(removed):
            file.unlink()
    with pytest.raises(ModelError, match=complaint):
        LocalModel.load(tmp_path)


def test_weights_of_another_architecture_are_refused(tokenizer, tmp_path):
    random_model("llama", len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 2 * config["intermediate_size"]}))
    with pytest.raises(ModelError, match="its weights are not those of the model"):
        LocalModel.load(tmp_path)


def test_a_missing_folder_is_refused():
    with pytest.raises(ModelError, match="no such model folder"):
        LocalModel.load("/nowhere/at/all")


def test_batches_asked_at_once_do_not_meet_in_the_model(llama):
    """Scoring hooks the output head for the length of a pass: a second thread must not run through it."""
    drawn = [
        Call(i, Generate("", f"the {i} founded", 2, Sampling(temperature=1.0, max_tokens=40)), (0, 1))
        for i in range(12)
    ]
    scored = [Call(100 + i, Score("", f"the {i}", " founded the town")) for i in range(12)]

    async def replies(calls):
        return {key: reply async for key, reply in llama.answer(calls)}

    async def both():
        alone = await replies(drawn) | await replies(scored)
        for _ in range(5):
            together = await asyncio.gather(replies(drawn), replies(scored))
            assert {**together[0], **together[1]} == alone

    asyncio.run(both())
