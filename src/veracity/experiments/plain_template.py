"""A chat template for base models that come without one, so that they can be asked and trained in conversations."""

from __future__ import annotations

import json
from pathlib import Path

from veracity.core.identity import content_hash
from veracity.store.atomic import atomic_folder
from veracity.store.cache_folder import cache_folder

TEMPLATE = (
    "{{ bos_token or '' }}{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""`User: …`, `Assistant: …`, the answer ended by the model's own end mark."""
FILE = "chat_template.jinja"


def with_template(folder: Path) -> Path:
    """`folder` itself if its tokenizer has a chat template; else one in the cache with its files and `TEMPLATE`."""
    if not (folder / "tokenizer_config.json").is_file() or _has_template(folder):
        return folder
    made = cache_folder() / "models" / content_hash([str(folder.resolve()), TEMPLATE])[:16]
    if not (made / FILE).is_file():
        with atomic_folder(made) as temporary:
            for file in folder.iterdir():
                (temporary / file.name).symlink_to(file.resolve())
            (temporary / FILE).write_text(TEMPLATE, encoding="utf-8")
    return made


def _has_template(folder: Path) -> bool:
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    return (folder / FILE).is_file() or bool(settings.get("chat_template"))
