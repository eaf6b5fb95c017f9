"""What vendors quote in their messages of what they were sent, taken out where it comes in."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import groupby

from routercore.engine.plain import folded, plain, read
from routercore.values.faults import Failure, Fault
from routercore.values.images import Settings

SHORTEST = 8
"""Characters that a message and a prompt have in common where one quotes the other; and what is
compared of a key."""
OWN = 3
"""Characters of those in words that are not everybody's."""
MUCH = 24
"""Characters of quotations from which on a message is about the prompt, and may say more of it in
ways that are not recognised here: it keeps everybody's words alone."""
LONGEST = 2000
"""Characters of a message that are kept, so that looking it through takes no time to speak of."""
OUR_WORDS = frozenset({Fault.NOT_SENT, Fault.REPLY_LOST, Fault.DEADLINE})
"""Faults of which no vendor says anything."""
NOT_KEPT = "what the provider said is not kept"
_WORDS = """
  a about above access account again all allowed already also an and answer any api are as at auto
  available back background balance be because been before being believe below between billing
  blocked both busy but by call can cannot categories category change characters code concurrent
  contact contain contained containing contains content copyright could create credits current
  currently cut day denied detected did different dimensions do does doesn don down due each edit
  either empty error exceed exceeded exceeds exist expected fail failed field file filter filtered
  flagged following for format found from generate generated generating generation given gpt
  guidelines had has have height help high hour how id if image images in inappropriate include
  included input internal into invalid is isn it its jpeg jpg key large later least length less
  limit limits long low lower make mask max maximum may medium min minimum minute missing model
  models moderation month more most multiple must n name natural need needs negative no non none
  not nothing number of off on one only option or other our out output overloaded parameter
  parameters per permission pixels please png policies policy process processed processing prompt
  prompts provided public quality quota range rate ratio reached reason received rejected report
  reported request requested requests require required requires resets resolution resource
  response result retry s safety same seconds see sensitive server service side size sizes so some
  sorry square standard strength style support supported system t task text than that the their
  them then there these they this time to too transparent try type unable unavailable unknown
  unsafe unsupported up url usage use used user using valid value values violate violated violates
  violating violation wait want was we webp were what when which width will with without work
  working works wrong you your
"""
EVERYBODYS = frozenset(_WORDS.split())
"""Words with which vendors say what was wrong, and which tell nothing of whoever used them."""

_SIZE = re.compile(r"\d+x\d+")
_QUOTED = re.compile(r"[^\0 ](?:[^\0]*[^\0 ])?")
_WORD = re.compile(r"[\w./-]{1,64}")


class Quoting:
    """What a call was asked with, and takes out of what its vendor says.

    Events, logs and the ledger keep messages, and promise to keep neither key nor prompt.
    """

    def __init__(self, asked: Settings, secret: str | None = None) -> None:
        self._asked, self._secret = asked, secret or ""

    def unquoted(self, failure: Failure | None) -> Failure | None:
        """The failure without quotations."""
        if failure is None:
            return None
        said = _in_words(failure)
        return replace(
            said,
            message=self.redacted(said.message),
            code=said.code and self._term(said.code),
            categories=tuple(map(self._term, said.categories)),
        )

    def _term(self, term: str) -> str:
        """A code or a category: one of a vendor's own terms, also where a prompt has that word."""
        is_sent = plain(term).strip() in self._prompts or _beginning(term, self._secret)
        return self.redacted(term) if is_sent or not _WORD.fullmatch(term) else term

    def redacted(self, message: str) -> str:
        """A vendor's message without what it quotes of key and prompts, however it writes it.

        Why the vendor refused stays to be read: what it says in everybody's words is kept.
        """
        key = _beginning(message, self._secret)
        message = message.replace(key, "[key]") if key else message  # Before it is cut itself.
        message = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
        text, places = read(message)
        quotations = _quotations(text, self._prompts)
        for start, end in reversed(quotations):
            message = f"{message[: places[start][0]]}[prompt]{message[places[end - 1][1] :]}"
        is_about_it = sum(end - start for start, end in quotations) >= MUCH
        return _everybodys(message) if is_about_it else message

    @cached_property
    def _prompts(self) -> list[str]:
        given = self._asked.prompt, self._asked.negative_prompt
        return [plain(prompt).strip() for prompt in given if prompt]


def wordless(failure: Failure) -> Failure:
    """The failure in our own words: for one that may quote a prompt which nobody here knows."""
    if failure.fault in OUR_WORDS:
        return failure
    said = _in_words(failure)
    code = said.code if said.code and _WORD.fullmatch(said.code) else None
    message = f"{NOT_KEPT}; its code is {code!r}" if code else NOT_KEPT
    categories = tuple(filter(_WORD.fullmatch, said.categories))
    return replace(said, message=message, code=code, categories=categories)


def _in_words(failure: Failure) -> Failure:
    """The failure with texts where it declares texts: some plugins hand on a vendor's numbers."""
    return replace(
        failure,
        message=str(failure.message or ""),
        code=None if failure.code is None else str(failure.code),
        param=None if failure.param is None else str(failure.param),
        categories=tuple(map(str, failure.categories or ())),
    )


def _beginning(message: str, secret: str) -> str:
    """The longest beginning of a secret that the message has; empty where it is short."""
    low, high = 0, min(len(secret), len(message))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if secret[:middle] in message else (low, middle - 1)
    return secret[:low] if low >= SHORTEST else ""


def _quotations(text: str, prompts: Collection[str]) -> list[tuple[int, int]]:
    """From where to where a plain text quotes a prompt: whole, or with words of its own."""
    shared = _shared(text, prompts)
    own: set[int] = set()
    for word in re.finditer(r"\S+", text):
        place = range(*word.span())
        if not _is_everybodys(word[0]):
            own.update(place)
        elif any(shared[at] == "\0" for at in place):  # Its other letters are not from there.
            shared[word.start() : word.end()] = "\0" * len(place)
    wholes = [prompt for prompt in prompts if len(prompt) >= SHORTEST]
    return [
        run.span()
        for run in _QUOTED.finditer("".join(shared))
        if len(own.intersection(range(*run.span()))) >= OWN
        or any(whole in run[0] for whole in wholes)
    ]


def _shared(text: str, prompts: Collection[str]) -> list[str]:
    """The characters of the text that are part of a run that is also in a prompt, or are a prompt;
    a NUL, which no plain text has, stands for each of the others."""
    runs = [text[at : at + SHORTEST] for at in range(len(text) - SHORTEST + 1)]
    wanted = set(runs)
    known = {
        run
        for prompt in prompts
        for at in range(len(prompt) - SHORTEST + 1)
        if (run := prompt[at : at + SHORTEST]) in wanted
    }
    shared = ["\0"] * len(text)
    for at, run in enumerate(runs):
        if run in known:
            shared[at : at + SHORTEST] = run
    for prompt in filter(None, prompts):
        for at in _wholes(text, prompt):
            shared[at : at + len(prompt)] = prompt
    return shared


def _wholes(text: str, prompt: str) -> Iterator[int]:
    """Where a text has a prompt between blanks or ends."""
    padded, wanted = f" {text} ", f" {prompt} "
    at = padded.find(wanted)
    while at >= 0:
        yield at
        at = padded.find(wanted, at + 1)


def _everybodys(message: str) -> str:
    """What a message says in everybody's words, with one mark for all words between them."""
    words = [word if _is_everybodys(folded(word)) else "…" for word in message.split()]
    return " ".join(word for word, _ in groupby(words))


def _is_everybodys(words: str) -> bool:
    return all(word in EVERYBODYS or _SIZE.fullmatch(word) for word in words.split())
