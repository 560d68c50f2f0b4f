"""Rows for preference training on the micro model, and a training that is killed as by the system."""

import os
import signal

from micro_models import NAMES, SUBJECTS
from veracity.core.requests import Message
from veracity.training.records import Demonstration, LabelledResponse, PreferencePair


def ask(i):
    return (Message("user", f"who founded {SUBJECTS[i]} ?"),)


def demonstrations(n=8):
    return [Demonstration(f"d{i}", ask(i), f"{NAMES[i]} .") for i in range(n)]


def pairs(n=8):
    """Chosen and rejected responses of three tokens each, the end mark included."""
    return [PreferencePair(f"p{i}", ask(i), f"{NAMES[i]} .", f"{NAMES[i + 3]} ?", 1.0) for i in range(n)]


def labelled(n=8):
    rows = [(p, text, good) for p in pairs(n) for text, good in ((p.chosen, True), (p.rejected, False))]
    return [LabelledResponse(p.item, p.messages, text, good) for p, text, good in rows]


def killed_at(step, train):
    """Run `train(on_step)` in a child that gets SIGKILL after `step`; says whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            train(lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done == step else None)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
