"""`understudy/<model>`: keeps to the form that prompts ask for and means nothing; plays judges in rehearsals."""

from __future__ import annotations

from veracity.core.requests import Backend
from veracity.models.resolve import KINDS
from veracity.models.spec import ModelSpec


@KINDS.register("understudy")
def open_understudy(spec: ModelSpec) -> Backend:
    """The understudy of the model named behind the slash; takes no options."""
    from veracity.models.simulated.understudy import understudy

    spec.only()
    return understudy(spec.rest or "nobody")
