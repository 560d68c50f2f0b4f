"""Material to be judged, put between tags that it cannot close itself."""

from __future__ import annotations

import re

_END = re.compile(r"</(?=\s*transcript\s*>)", re.IGNORECASE)


def quoted(text: str) -> str:
    """`text` for a place between `<transcript>` tags: an end tag of that name within it is made visible text."""
    return _END.sub("< /", text.strip())
