"""The templates of all pages: escaped, strict about what is missing, with intervals set smaller than their values."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape


def page_templates() -> Environment:
    """The environment that renders a page.

    Filters: `interval` sets the interval of a number apart; `named` sets the lines of a name after its first smaller.
    """
    environment = Environment(
        loader=PackageLoader("veracity.report"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"interval": _interval, "named": _named}
    return environment


def _interval(text: str) -> Markup:
    """Set an interval in smaller, lighter figures than its value, and keep a percent sign on its number's line."""
    safe = str(escape(text)).replace(" %", "\u00a0%")
    return Markup(re.sub(r"\[[^\]]*\]", r'<span class="ci">\g<0></span>', safe))


def _named(text: str) -> Markup:
    """Small print for the lines after the first; long identifiers may be broken after a dot, slash or underscore."""
    first, *more = (re.sub(r"([./_])(?=[A-Za-z])", r"\1<wbr>", str(escape(line))) for line in text.split("\n"))
    return Markup(first + "".join(f'<span class="small">{line}</span>' for line in more))
