"""What vendors quote in their messages stays out of events, logs, the ledger and errors."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.engine.kit import Kit, provider

from routercore.engine.plain import plain
from routercore.engine.quoting import EVERYBODYS, LONGEST, Quoting, wordless
from routercore.provider.flow import call, progress
from routercore.provider.http import post_json
from routercore.testing.providers import PNG
from routercore.testing.transport import json_answer
from routercore.values.errors import RouterError
from routercore.values.faults import Failure, Fault
from routercore.values.images import Generated, RawImage, Settings, Task

PROMPT = "a lighthouse that nobody may hear of, at dusk"
PATIENT = 'A portrait of my patient "Jane Doe", HIV positive,\nborn 1970 in Zürich'
KEY = "sk-0123456789abcdef"


def quoting(message: str) -> Any:
    return json_answer({"error": {"message": message}}, 500)


def redacted(message: str, prompt: str, negative_prompt: str | None = None) -> str:
    return Quoting(Settings(prompt=prompt, negative_prompt=negative_prompt), KEY).redacted(message)


@pytest.mark.parametrize("quoted", [PROMPT, PROMPT[:20], KEY, KEY[:12]])
async def test_nothing_that_was_sent_is_kept_by_a_message(
    quoted: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A vendor that quotes the prompt, whole or cut off, or the key, has it kept nowhere."""
    answers = {"near": [quoting(f"cannot do '{quoted}…' now")]}
    kit = Kit(provider("near", keys=(KEY,)), answers=answers)
    with pytest.raises(RouterError) as caught:
        await kit.generate(prompt=PROMPT)
    written = [asdict(one) for one in await kit.ledger.open_attempts()]
    told = repr([kit.events, written, caught.value.attempts]) + caplog.text + str(caught.value)
    assert "cannot do '[" in told
    assert quoted not in told


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"no {PROMPT}!", "no [prompt]!"),
        (f"{PROMPT} has a l1ghthouse in it", "[prompt] has a … in it"),
        ("a light is not a house", "a light is not a house"),
        ("of fog and rain, none", "of [prompt], none"),
        ("it contains that nobody sings", "it contains [prompt] sings"),
        ("no 'that NOBODY…' here", "no '[prompt]…' here"),
        ("", ""),
        ("x" * 2 * LONGEST, "x" * LONGEST + "…"),
    ],
)
def test_what_is_left(said: str, left: str) -> None:
    """The words around a short quotation stay, and so do words that are everybody's around a long
    one."""
    assert left == redacted(said, PROMPT, "fog and rain")


CHARACTERS = "abcdefghXYZ0189 \n\t\"'<>,.;äéßñЖяλΣςİı中文字日本語한🦊\u200b\U00020000"
FORMS: list[Callable[[str], str]] = [
    str,
    str.upper,
    str.lower,
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    lambda text: json.dumps(json.dumps(json.dumps(text))),
    lambda text: re.sub("u[0-9a-f]{4}", lambda code: f"u{code[0][1:].upper()}", json.dumps(text)),
    repr,
    ascii,
    html.escape,
    lambda text: html.escape(html.escape(text)),
    lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    quote,
    lambda text: re.sub(r"\s+", " \r\n ", text),
    lambda text: f"“{text}…”",
]
ESCAPES = re.compile(
    r"\\+(u[0-9a-fA-F]{4}|x[0-9a-f]{2}|U[0-9a-f]{8}|[nrt])|&(amp;)*#?\w+;|(%[0-9A-F]{2})+"
)


@given(data=st.data(), form=st.sampled_from(FORMS))
def test_in_whatever_form(data: st.DataObject, form: Callable[[str], str]) -> None:
    """No letter is left of an excerpt, from wherever in the prompt and however it is written."""
    prompt = data.draw(st.text(CHARACTERS, min_size=8, max_size=60))
    start = data.draw(st.integers(0, len(prompt) - 8))
    excerpt = prompt[start : data.draw(st.integers(start + 8, len(prompt)))]
    assume(sum(map(str.isalnum, excerpt)) >= 8 and not EVERYBODYS & {*plain(excerpt).split()})

    left = redacted(f"<<{form(excerpt)}>>", prompt)

    rest = ESCAPES.sub("", left.removeprefix("<<").replace("[prompt]", "", 1))
    assert not [one for one in rest if one.isalnum()]


@pytest.mark.parametrize("form", FORMS)
def test_what_must_not_be_told(form: Callable[[str], str]) -> None:
    """Of a message that quotes much of a prompt no name is kept that it spells in its own way; why
    the vendor refused is."""
    message = f"J*ne Doe? {form(PATIENT)} was rejected by our safety system"
    left = redacted(message, PATIENT)
    assert left.endswith(" was rejected by our safety system")
    assert not {"J*ne", "Doe", "patient", "1970"} & {*re.split(r"[^\w*]+", left)}


DIAGNOSTICS = [
    "Invalid size 2048x2048 for gpt-image-1",
    "Invalid value: '4096x4096'. Supported values are: '1024x1024', '1024x1536', and 'auto'.",
    "The value of the parameter size is invalid: the width and height of the image must be 64",
    "Your request was rejected as a result of our safety system. Your prompt may contain text "
    "that is not allowed by our safety system.",
    "Transparent background is not supported for the output format jpeg",
    "You have exceeded your monthly included credits",
    "Prompt is too long: the maximum length is 1000 characters, but you have 1200.",
    "The model `gpt-image-9` does not exist or you do not have access to it.",
    "Image generation failed, please retry your request",
]
BRIEF = """Create an image of a mug, in the style of a product photo. The size of the mug must be
realistic. The background must be transparent: a transparent background is not an option. The width
and height of the image are 1024x1024, and the image is a square. Generate an image without any text
that is not in the logo; you have a maximum of two attempts, and do not have access to the model."""


@pytest.mark.parametrize("said", DIAGNOSTICS)
@pytest.mark.parametrize("prompt", [BRIEF, "size", "a size for gpt", PROMPT, "s"])
def test_diagnostics_stay(said: str, prompt: str) -> None:
    """A message that has ordinary words in common with a prompt is told as it is."""
    assert said == redacted(said, prompt, "text, value")


@pytest.mark.parametrize(
    "prompt", ["a heron", "Owl", "猫と犬", "a prompt", "the image of the size"]
)
def test_prompts_that_are_quoted_whole(prompt: str) -> None:
    """A whole prompt is known where it is short, and where its words are everybody's."""
    assert "cannot draw '[prompt]'" == redacted(f"cannot draw '{prompt}'", prompt)


def test_codes_and_categories_are_quotations_too() -> None:
    """What vendors put where a word is expected is no exception."""
    said = Failure(
        fault=Fault.REFUSED, message="no", code=f"bad: {PROMPT}", categories=(PROMPT, "gore")
    )
    failure = Quoting(Settings(prompt=PROMPT)).unquoted(said)
    assert failure is not None
    assert ("… [prompt]", ("[prompt]", "gore")) == (failure.code, failure.categories)


@pytest.mark.parametrize("text", ["\\", "&", "amp;", "&amp;", "%", "%e4", "字", "a ", "\\u00"])
def test_looking_grows_with_what_there_is_to_look_at(text: str) -> None:
    """Long prompts and long messages of whatever characters are compared: work that grew by the
    square of them would go on for hours here."""
    long = text * (300_000 // len(text))
    assert len(redacted(long, long)) <= LONGEST + 1
    assert f"{'word ' * (LONGEST // 5)}…" == redacted("word " * 60_000, long)


async def test_progress_is_told_without_the_prompt() -> None:
    """What a vendor says on the way is kept by events, and quotes no more than its errors do."""

    def flow(task: Task) -> Any:
        yield from progress(0.5, f"drawing {task.prompt[:20]}")
        yield from progress(0.6, "in the queue")
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(data=PNG),))

    kit = Kit(provider("a", flow=flow))
    await kit.generate(prompt=PROMPT)

    said = [e.fields["message"] for e in kit.events if e.name == "attempt.progress"]
    assert ["drawing [prompt]", "in the queue"] == said


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({"message": "no", "code": 7}, ("no", "7", ())),
        ({"message": None, "code": 0}, ("", "0", ())),
        ({"message": {"why": PROMPT}, "categories": None}, ("… '[prompt]'}", None, ())),
        ({"message": "no", "categories": [3, PROMPT]}, ("no", None, ("3", "[prompt]"))),
    ],
)
def test_what_is_no_text(said: dict[str, Any], left: tuple[Any, ...]) -> None:
    """A plugin that hands on numbers and objects of a vendor fails as it says, unquoted."""
    failure = Quoting(Settings(prompt=PROMPT)).unquoted(Failure(fault=Fault.REFUSED, **said))
    assert failure is not None
    assert left == (failure.message, failure.code, failure.categories)
    assert PROMPT not in str(wordless(Failure(fault=Fault.REFUSED, **said)))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("nsfw", "what the provider said is not kept; its code is 'nsfw'"),
        (f"no {PROMPT}", "what the provider said is not kept"),
        (None, "what the provider said is not kept"),
    ],
)
def test_wordless(code: str | None, message: str) -> None:
    """Of a failure in a vendor's words the fault stays, and a code that is one."""
    said = Failure(
        fault=Fault.JOB_FAILED, message=PROMPT, code=code, categories=("gore/mild", PROMPT)
    )
    failure = wordless(said)
    assert (Fault.JOB_FAILED, message) == (failure.fault, failure.message)
    assert ("gore/mild",) == failure.categories
    assert PROMPT not in str(failure)


def test_wordless_is_what_a_vendor_said() -> None:
    """Why a vendor could not be reached is this machine's to tell."""
    ours = Failure(fault=Fault.NOT_SENT, message="the connection was refused")
    assert ours == wordless(ours)


def test_a_vendors_own_terms_stay() -> None:
    """A code or a category is no quotation, also where a prompt has that word; a prompt is one."""
    asked = Settings(prompt="graphic violence in an unsupported language", negative_prompt="fog9")
    categories = ("violence", "fog9", "graphic violence in an unsupported")
    failure = Failure(
        fault=Fault.REFUSED, message="no", code="unsupported_language", categories=categories
    )
    told = Quoting(asked, KEY).unquoted(failure)
    assert told is not None
    assert "unsupported_language" == told.code
    assert ("violence", "[prompt]", "[prompt]") == told.categories


def test_a_param_that_is_no_text() -> None:
    """Some vendors name a place by a list: it is told as text, and breaks nothing further on."""
    param: Any = ["body", 7]
    failure = Failure(fault=Fault.UNSUPPORTED, message="no", param=param)
    told = Quoting(Settings(prompt="a heron")).unquoted(failure)
    assert told is not None
    assert "['body', 7]" == told.param


def test_our_own_words_stay() -> None:
    """That time ran out is nothing that a vendor says."""
    failure = Failure(fault=Fault.DEADLINE, message="time ran out while the upstream worked")
    assert failure == wordless(failure)
