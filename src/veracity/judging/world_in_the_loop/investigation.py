"""Investigation: an agent gathers data on a task and reports, knowing neither the answer nor that there is one.

It works as every agent does: confined, within limits, its whole task in the request, so that equal tasks with equal
dates are looked into once. A failure is a status; its words never pass for a report.
"""

from __future__ import annotations

import re

from veracity.core.errors import AgentLimitError, AuthenticationError, CapabilityError, ModelError
from veracity.core.requests import Act, Acted, Program
from veracity.judging.prompting import render
from veracity.judging.world_in_the_loop.base import UNSETTLED, Investigation, WorldSettings, WorldTask

_OUTCOME = re.compile(
    r"^[ \t>*_`#-]*outcome[ \t*_`]*:[ \t*_`]*(?P<said>[^\n]*?)[ \t*_`.]*$", re.IGNORECASE | re.MULTILINE
)


def investigate(task: WorldTask, settings: WorldSettings) -> Program[Investigation]:
    """Look into one task.

    Raises:
        AuthenticationError, CapabilityError: nobody can look into anything.
    """
    text = render(
        "world.investigate.v1",
        question=task.question,
        outcomes=task.outcomes,
        unsettled=UNSETTLED,
        as_of=settings.as_of.isoformat(),
    )
    budget = (("seconds", settings.seconds), *((("dollars", settings.dollars),) if settings.dollars else ()))
    try:
        acted: Acted = yield Act(settings.investigator_role, text, budget)
    except (AuthenticationError, CapabilityError):
        raise
    except AgentLimitError as error:
        return Investigation(task, None, None, "timed_out", str(error))
    except ModelError as error:
        return Investigation(task, None, None, "request_failed", str(error))
    return read_report(task, acted.answer)


def read_report(task: WorldTask, answer: str) -> Investigation:
    """A report and its outcome: the last line `Outcome: …` must name one of the task's, in its words."""
    lines = list(_OUTCOME.finditer(answer))
    if not lines:
        return Investigation(task, None, None, "parse_failed", "the report has no line `Outcome: …`")
    said = " ".join(lines[-1]["said"].split()).strip("\"'“”").casefold()
    if said == UNSETTLED:
        return Investigation(task, None, None, "refused", "nothing that was found settles it")
    known = {outcome.casefold().strip(" .\"'“”"): place for place, outcome in enumerate(task.outcomes)}
    report = _OUTCOME.sub("", answer).strip()
    if said not in known or not report:
        reason = f"{said[:60]!r} is none of the outcomes" if report else "the report is empty"
        return Investigation(task, None, None, "parse_failed", reason)
    return Investigation(task, report, known[said], "ok")
