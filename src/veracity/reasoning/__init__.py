"""Reasoning modes: how a policy is led to an answer. One file a mode, under `@mode("name")`."""

from veracity.reasoning.base import MODES, Mode, ReasoningSettings, mode, open_mode

__all__ = ["MODES", "Mode", "ReasoningSettings", "mode", "open_mode"]
