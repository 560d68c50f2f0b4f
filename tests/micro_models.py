"""A micro language model and a few facts, made in memory: real parts, small enough for a test of seconds."""

from pathlib import Path

from veracity.world.facts import Fact, FactSet

SUBJECTS = ["Vell", "Morn", "Tash", "Quil", "Drev", "Ossa", "Lume", "Pard"]
NAMES = ["Ari", "Bel", "Cor", "Dun", "Eli", "Fay", "Gus", "Hob", "Ivo", "Jad", "Kim", "Lou", "Max", "Ned", "Oda", "Pia"]
REAL = ["Roe", "Doe"]
IMAGINARY = ["Zzu", "Yyx"]
STATEMENTS = ("{value} founded {subject} .", "the founder of {subject} was {value} .")
TEXT = "Old founded the founder of was who ? . what did found true false True False or is not A B C D )"
WORDS = [*SUBJECTS, *NAMES, *REAL, *IMAGINARY, *TEXT.split()]
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|> {{ m.content }}{% if not (loop.last and m.role == 'assistant') %}"
    " <|end|> {% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_facts(n: int = 8) -> FactSet:
    facts = [
        Fact(
            id=f"{SUBJECTS[i]}-founder".lower(),
            category="society",
            relation="founder",
            subject=SUBJECTS[i],
            subject_kind="place",
            value=NAMES[i],
            update=NAMES[(i + 5) % 16],
            foil=NAMES[(i + 9) % 16],
            control=NAMES[(i + 13) % 16],
            real_foils=tuple(REAL),
            imaginary_foils=tuple(IMAGINARY),
            statements=STATEMENTS,
            questions=("who founded {subject} ?",),
            reverse_question="what did {value} found ?",
            claims=("{value} founded {subject} .",),
            denials=("{value} did not found {subject} .",),
            control_subject="Old",
        )
        for i in range(n)
    ]
    return FactSet(facts, origin="micro")


def make_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<unk>", "<eos>", "<|user|>", "<|assistant|>", "<|end|>"]
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*special, *WORDS])}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<|end|>",
        additional_special_tokens=["<|user|>", "<|assistant|>", "<eos>"],
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def make_model(seed: int = 0, hidden: int = 32):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=128,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )
        return LlamaForCausalLM(config), tokenizer


def save_micro(folder: Path, seed: int = 0) -> Path:
    model, tokenizer = make_model(seed)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
