"""Veracity measures and trains truthful language models."""

__version__ = "0.1.0"
