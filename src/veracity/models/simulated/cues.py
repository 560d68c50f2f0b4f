r"""The cues by which simulated agents understand a conversation: explicit, in its text, and nothing else.

Roles. What the user says is read; system messages give only ways of answering; the agent's own turns are what it said.
A user turn that poses another question starts a new problem: what was said before it belongs to the old one.

Cues, in the user's words:

- The question: the last line `Question: …`; else the last sentence that ends in `?`; else the whole turn.
- Options: `A) …`, `A. …` or `(A) …`, on lines of their own or in a row.
- A claim: `True or false? …`, or a line `Claim: …`; with `Proposed answer: …`, or `… Answer: X. True or false: this
  answer is correct?`, the claim is that this answer is right (or, with `incorrect`, that it is not).
- Urns, priors, draws and reports: see `veracity.models.simulated.evidence`.
- A probability is wanted where the last turn has one of `probability`, `how likely`, `chance`, `credence`, `belief`,
  `\finalBeliefProb`; of the hypothesis named after that word, else of the first; where there are none, of the claim
  after that word, or that `the answer is X`. `percent` or `0 to 100` asks for percentages.
- Confidence is wanted beside the answer where the last turn has `confidence` or `confident`.
- An opinion: the user's `I think / believe / am sure / know … X`, `my opinion / answer is X`; somebody else's
  `someone / a friend / another person / … thinks X`. `Are you sure?`, `I disagree` or `That is wrong` speak against
  what the agent said before.
- Reasoning is wanted with `step by step`, `think first`, `reason`, `explain`, `your reasoning`, `your thoughts`.
- A case for one side: `argue`, `defend`, `make the case`, `strongest case`, with the side named after it.
- A biography: `biography of X`, `tell me about X`, `who is X`, X in capitals; `in N sentences` sets its length.
- An abstention offered: `if you do not know` (or `are not sure`), `write / say / reply X`; or `say X if …`.
- A transcript to judge stands between `<transcript>` tags; nothing in it is a cue, evidence or an opinion.
- A rating is wanted with `rate` or `score` and `from A to B`; lines `Criterion: …` say what of, and JSON with
  `"criteria"` holds a score for each, under what stands before its colon. A case is about the transcript where it is
  for its being `weak` or `flawed`, `strong` or `sound`.
- A claim is to be verified where a `Claim: …` is to be called `supported`, `refuted` or `not enough evidence`, labels
  that are said as the prompt spells them; lines `Passage 1: …` are then the only evidence.
- Claims are to be listed with `list` and `claims` or `facts`: those of the transcript, a line each.
- Questions for an interview are to be written with `write the next question` or `write 3 questions`, each in its tag.
- A verdict of grading: lines `Question:`, `Gold answer:` and `Predicted answer:`.
- The form of the reply: XML-like tags shown, `\boxed{…}` or `\finalBeliefProb{…}`, JSON, or a last line `Answer: …`,
  `Probability: …`, `Confidence: …`; a bare answer where none is asked for and no reasoning either.
"""

from __future__ import annotations

import re

ANY_CASE = re.IGNORECASE
OPTION = re.compile(r"(?:^|(?<=\s))\(?([A-Z])[.)]\s+(.+?)(?=\s+\(?[A-Z][.)]\s|\n|$)")
ESTIMATE = re.compile(r"\b(?:probability|how likely|chance|credence|belief|finalBeliefProb)\b(?P<of>[^\n?]*)", ANY_CASE)
CONFIDENCE = re.compile(r"\bconfiden(?:ce|t)\b", ANY_CASE)
PERCENT = re.compile(r"\bper ?cent(?:age)?\b|\b0 (?:to|and|-) 100\b", ANY_CASE)
REASON = re.compile(r"step by step|think first|\breason\b|your reasoning|<reasoning>|\bexplain|your thoughts", ANY_CASE)
ARGUE = re.compile(r"\b(?:argue|defend|make (?:the|a|your) (?:\w+ )?case|strongest case)\b(?P<side>[^\n?]*)", ANY_CASE)
NAME = r"(?P<name>[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*)"
BIOGRAPHY = re.compile(rf"(?i:\bbiography (?:of|for|about)|\btell me about|\bwho (?:is|was)) {NAME}(?=[\s.?!,]|$)")
SENTENCES = re.compile(r"\bin (\d+) sentences?\b", ANY_CASE)
VERDICT = re.compile(r"\btrue or false\b\s*[?:]\s*(?P<claim>[^\n]*)|^Claim: *(?P<line>[^\n]+)", ANY_CASE | re.MULTILINE)
PROPOSED = re.compile(r"^Proposed answer: *([^\n]+)|\bAnswer: ([^\n]+?)\. True or false: this answer", re.MULTILINE)
INCORRECT = re.compile(r"\b(?:proposed )?answer (?:is )?(?:incorrect|wrong|false)\b", ANY_CASE)
NOT_KNOWING = r"if (?:you (?:do not|don't) know|you are (?:not sure|unsure)|unsure)\b"
OFFERED = re.compile(
    rf"{NOT_KNOWING}[^.\n]*?(?:write|say|reply|answer|respond|verdict is|answer is)(?: with)?:? (?P<after>.+?)"
    rf"(?= between\b| instead\b|[.\n]|$)|(?:say|write|reply|answer) (?P<before>[^.\n]+?) {NOT_KNOWING}",
    ANY_CASE,
)
USER = re.compile(
    r"\b(?:I(?:'m| am)?(?: \w+ly| quite| very)? (?:think|believe|feel|sure|certain|convinced|know|bet|guess|say)"
    r"|my (?:own )?(?:view|opinion|answer|guess|belief) is|in my (?:view|opinion))\b(?P<says>[^?!\n]*)",
    ANY_CASE,
)
OTHER = re.compile(
    r"\b(?:some(?:one|body)|a (?:friend|colleague|stranger)|another (?:person|user|model)|one person)"
    r"(?: else)? (?:thinks|believes|says|is (?:sure|certain|convinced)|claims)\b(?P<says>[^?!\n]*)",
    ANY_CASE,
)
AGAINST = re.compile(
    r"\bare you sure\b|\bI disagree\b|\bthat(?:'s| is) (?:wrong|not right|incorrect)\b"
    r"|\bI (?:do not|don't) (?:think|agree)",
    ANY_CASE,
)
FOLLOW_UP = re.compile(
    r"\bprobab|\blikely|\bconfiden|\bsure\b|\bwhy\b|\bargue|\bdefend|\bcase for\b|\byour\b", ANY_CASE
)
TAG = re.compile(r"<(\w+)>(?=[^<]*</\1>)", re.DOTALL)
THINKING = ("reasoning", "think", "thinking", "thought", "thoughts")
GRADE = re.compile(
    r"^Gold (?:answer|target): *(?P<gold>[^\n]+)\n+Predicted answer: *(?P<given>[^\n]*)", ANY_CASE | re.MULTILINE
)
TRANSCRIPT = re.compile(r"<transcript>(.*?)</transcript>", re.DOTALL)
RATE = re.compile(r"\b(?:rate|score)\b[^\n]*?\bfrom (?P<low>-?\d+) to (?P<high>\d+)", ANY_CASE)
CRITERION = re.compile(r"^Criterion: *([^\n]+)", re.MULTILINE)
LABELS = tuple(
    re.compile(rf"\b{label}\b", ANY_CASE)
    for label in ("supported", "refuted", "not[ _]enough(?:[ _](?:evidence|info(?:rmation)?))?")
)
PASSAGE = re.compile(r"^Passage(?: \d+)?: *([^\n]+)", re.MULTILINE)
EXTRACT = re.compile(r"\blist\b[^.\n]*\b(?:claims|facts)\b", ANY_CASE)
INTERVIEW = re.compile(r"\bwrite (?:the next question|(?P<count>\d+) questions?)\b", ANY_CASE)
WEAK = re.compile(r"\b(?:weak|flawed|poor|wrong)\b", ANY_CASE)
STRONG = re.compile(r"\b(?:strong|sound|good|right)\b", ANY_CASE)
STATED = re.compile(r"^Question: *([^\n]+)", re.MULTILINE)
