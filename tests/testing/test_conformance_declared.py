"""What the kit says of declarations that cannot be right: one sentence for each mistake."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.testing.kiln import CARD, Kiln, transcript

from routercore.provider import (
    Failure,
    Fault,
    FixedSizes,
    HttpRequest,
    HttpResponse,
    ModelCard,
    Operation,
    RatioSizes,
    SizeRange,
    Task,
    bearer,
    post_json,
    usd,
)
from routercore.testing.conformance import CHECKS, Check, Grade, ProviderTests, Subject, run_checks
from routercore.testing.conformance import grade_of as grade
from routercore.testing.conformance.subject import CheckFailed


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    (tmp_path / "generate.json").write_text(json.dumps(transcript()))
    return tmp_path


def problem(check: str, provider: Any, folder: Path) -> str:
    """What one check says of a provider."""
    asked = next(one for one in CHECKS if one.name == check)
    with pytest.raises(CheckFailed) as caught:
        asked.run(Subject(provider, folder))
    return str(caught.value)


def kiln(**members: Any) -> Kiln:
    """The good provider with other members."""
    return type("Other", (Kiln,), members)()


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (Kiln, "Kiln is a class"),
        (object(), "object is no provider: it lacks"),
        (kiln(api_version=99), "api_version 99 is not supported"),
        (kiln(name="The Kiln"), "'The Kiln' is not of lower case"),
        (kiln(origins=()), "names no origin"),
        (kiln(origins="https://api.kiln.example"), "is a str, not a tuple of URLs"),
        (kiln(auth="KILN_KEY"), 'which cannot sign; write bearer("KILN_KEY")'),
        (kiln(origins=("https://api.kiln.example/",)), "is not a URL without a slash"),
        (kiln(origins=("ftp://api.kiln.example",)), "which is no URL with http:// or https://"),
        (kiln(auth=bearer("kiln_key")), "'kiln_key' is not in upper case"),
    ],
)
def test_what_is_wrong_with_a_provider_is_said(provider: Any, said: str, recorded: Path) -> None:
    """The check ``loads`` names the member and what is wrong with it."""
    assert said in problem("loads", provider, recorded)


def card(**changes: Any) -> ModelCard:
    return replace(CARD, **changes)


EDITS = frozenset({Operation.EDIT})
PAINTS = frozenset({Operation.INPAINT})


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ([], "the catalogue is empty"),
        ([{"id": "stoneware"}], "the catalogue has a dict, not a ModelCard"),
        ([CARD, CARD], "two cards have one id"),
        ([card(operations=frozenset())], "it has no operation"),
        ([card(operations=EDITS)], "disagree on whether it takes input images"),
        ([card(operations=PAINTS, max_images=1)], "disagree on whether it takes a mask"),
        ([card(default_quality="glazed")], "default_quality 'glazed' is not among"),
        ([card(formats=())], "formats, max_n or latency is empty"),
        ([card(price_source="")], "no price_source to say where"),
        ([card(price_source="", price_date=None)], "no price_source and no price_date"),
        ([card(prices=(usd("-1"),))], "a price is negative"),
        ([card(released=date(2026, 2, 1), shutdown=date(2026, 1, 1))], "before it was released"),
        ([card(sizes=FixedSizes(()))], "its list of sizes is empty"),
        ([card(sizes=FixedSizes(("large",)))], "its sizes cannot be read"),
        ([card(sizes=RatioSizes(ratios=("1:1",), default_ratio="4:5"))], "is not among its ratios"),
        ([card(sizes=SizeRange(max_edge=512, default="1024x1024"))], "1024x1024 does not fit"),
    ],
)
def test_what_is_wrong_with_a_card_is_said(cards: Sequence[Any], said: str, recorded: Path) -> None:
    """The check ``declares`` names the card and the fields that cannot be right together."""
    provider = kiln(catalogue=lambda self: cards)
    assert said in problem("declares", provider, recorded)


def test_a_catalogue_that_changes_is_wrong(recorded: Path) -> None:
    """Two calls of ``catalogue()`` say the same."""
    numbers = count()
    provider = kiln(catalogue=lambda self: [card(latency=1.0 + next(numbers))])
    assert "something else the second time" in problem("declares", provider, recorded)


def told(**fields: Any) -> Callable[..., Any]:
    return lambda self, response: Failure(**{"fault": Fault.SERVER_ERROR, "message": "", **fields})


def stumble(self: Any, response: HttpResponse) -> Failure:
    raise KeyError("error")


@pytest.mark.parametrize(
    ("classify", "said"),
    [
        (stumble, "raised KeyError: 'error'"),
        (lambda self, response: None, "returned NoneType, not Failure"),
        (told(message="x" * 1001), "has a message of 1001 characters"),
        (told(), "is server_error, not forbidden or unauthenticated"),
    ],
)
def test_what_is_wrong_with_classify_is_said(classify: Any, said: str, recorded: Path) -> None:
    """The check ``classifies`` names status and body, and what came of them."""
    assert said in problem("classifies", kiln(classify=classify), recorded)


def test_a_rate_limit_keeps_its_wait(recorded: Path) -> None:
    """What a vendor says in Retry-After must reach the engine."""
    faults = {401: Fault.FORBIDDEN, 402: Fault.QUOTA, 403: Fault.FORBIDDEN,
              404: Fault.INVALID_REQUEST, 429: Fault.RATE_LIMITED}  # fmt: skip
    provider = kiln(classify=lambda self, r: Failure(fault=faults[r.status], message=""))
    assert "does not keep Retry-After: None" in problem("classifies", provider, recorded)


def building(**changes: Any) -> Any:
    def build(self: Any, task: Task) -> HttpRequest:
        return replace(post_json(task.url("/jobs"), {"prompt": task.prompt}), **changes)

    return build


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (building(url="https://api.kiln.example/v1/jobs"), "with another base_url it still asks"),
        (building(content=b"x"), "a request has more than one body"),
        (building(headers={"x-note": "a\nb"}), "the header 'x-note' is not one line of text"),
        (building(json=None, form=("prompt",)), "a form has something else than parts"),
        (building(json={"prompt": object()}), "its JSON cannot be written"),
        (building(json={"scale": float("nan")}), "its JSON cannot be written"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(build: Any, said: str, recorded: Path) -> None:
    """The check ``properties`` says what no HTTP client could send."""
    assert said in problem("properties", kiln(build=build), recorded)


@pytest.mark.parametrize(
    ("result", "said"),
    [(None, "it returned NoneType, not Generated"), ("empty", "it returned no image")],
)
def test_what_a_flow_must_return(result: str | None, said: str, recorded: Path) -> None:
    """Images, or a failure that says why not."""
    from routercore.provider import Generated

    provider = kiln(parse=lambda self, *_: Generated(images=()) if result else None)
    assert said in problem("mutates", provider, recorded)


def test_a_flow_that_never_ends_is_found_out(recorded: Path) -> None:
    """Whoever waits for ever is stopped, and told so."""
    from routercore.provider import wait

    def forever(self: Any, task: Task) -> Any:
        while True:
            yield from wait(1.0)

    assert "it still goes on after" in problem("mutates", kiln(generate=forever), recorded)


def test_an_effect_of_its_own_cannot_be_played(recorded: Path) -> None:
    """What only runs in an engine is no transcript."""
    from routercore.provider import run_in_thread

    def busy(self: Any, task: Task) -> Any:
        yield from run_in_thread(lambda: None)

    assert "cannot be played from a transcript" in problem("mutates", kiln(generate=busy), recorded)


FAULTS = ("overloaded", 503), ("rate_limited", 429), ("server_error", 500)


def test_platinum_wants_nothing_more(recorded: Path) -> None:
    """Every operation and three kinds of failure recorded, and no unverified fact: platinum."""
    for fault, status in FAULTS:
        request = {"method": "POST", "url": "https://api.kiln.example/v1/jobs",
                   "json": {"prompt": "a jug"}}  # fmt: skip
        case = transcript(exchanges=[{"request": request, "response": {"status": status}}])
        case["failure"] = {"fault": fault}
        del case["result"]
        (recorded / f"{fault}.json").write_text(json.dumps(case))
    for provider, expected in (
        (Kiln(), Grade.PLATINUM),
        (kiln(catalogue=lambda self: [card(unverified=frozenset({"prices"}))]), Grade.GOLD),
    ):
        subject = Subject(provider, recorded)
        assert expected is grade(run_checks(subject), subject)


QUALITY = 'grade = "{0}"\n[exceptions]\n{1}'


@pytest.mark.parametrize(
    ("quality", "prices", "ends", "said"),
    [
        ("", (), pytest.fail.Exception, "nobody can tell what 'stoneware' cost"),
        ('bills = "no price is published"', (), pytest.xfail.Exception, "no price is published"),
        (
            'bills = "no price is published"',
            CARD.prices,
            pytest.fail.Exception,
            "bills passes: take",
        ),
    ],
)
def test_a_suite_tells_a_failure_from_an_exception(
    quality: str, prices: Any, ends: Any, said: str, recorded: Path
) -> None:
    """A failure fails, an expected one is expected, and an exception without need has to go."""
    file = recorded / "quality.toml"
    file.write_text(QUALITY.format("gold", quality))
    suite = type("Suite", (ProviderTests,), {
        "provider": kiln(catalogue=lambda self: [card(prices=prices)]),
        "transcripts": recorded, "quality": file,
    })  # fmt: skip
    bills: Check = next(check for check in CHECKS if check.name == "bills")
    with pytest.raises(ends, match=said):
        suite().test_check(bills)


def test_a_suite_fails_a_grade_that_is_not_the_providers_own(recorded: Path) -> None:
    """The file says silver; the provider is better."""
    file = recorded / "quality.toml"
    file.write_text(QUALITY.format("silver", ""))
    suite = type("Suite", (ProviderTests,), {
        "provider": Kiln(), "transcripts": recorded, "quality": file,
    })  # fmt: skip
    with pytest.raises(pytest.fail.Exception, match="says silver, it is gold"):
        suite().test_grade()


def test_a_grade_has_a_name() -> None:
    """Words that are none are refused with those that are."""
    with pytest.raises(ValueError, match="there is no grade 'tin'; there are none, bronze"):
        Grade.of("tin")
