"""Checks of what a provider is and declares."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routercore.plugins import SUPPORTED_API_VERSIONS
from routercore.provider.http import HttpRequest, HttpResponse, Part
from routercore.provider.soundness import member_problems, no_provider
from routercore.provider.spec import Provider
from routercore.testing.conformance.subject import CheckFailed, Subject, travel
from routercore.testing.transcripts import Source
from routercore.values.catalogue import WILDCARD, ModelCard
from routercore.values.check import Fit, check
from routercore.values.faults import Failure, Fault
from routercore.values.images import ImageRequest, InputImage, Operation, Settings, Task
from routercore.values.money import estimate
from routercore.values.sizes import RatioSizes, Size, SizeRange, Sizes, unreadable

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONG_AGO = date(2000, 1, 1)
ELSEWHERE = "http://127.0.0.1:9/elsewhere"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    b"\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84"
    b"\x00\x00\x00\x00IEND\xaeB`\x82"
)


def loads(subject: Subject) -> None:
    """It has the members of a provider, written for an interface that is supported."""
    provider = subject.provider
    if isinstance(provider, type) or not isinstance(provider, Provider):
        raise CheckFailed(no_provider(provider))
    if provider.api_version not in SUPPORTED_API_VERSIONS:
        raise CheckFailed(f"api_version {provider.api_version!r} is not supported")
    for problem in member_problems(provider):
        raise CheckFailed(problem)
    if not NAME.fullmatch(provider.name):
        raise CheckFailed(f"the name {provider.name!r} is not of lower case, digits and dashes")
    for origin in provider.origins:
        if origin.endswith("/"):
            raise CheckFailed(f"the origin {origin!r} is not a URL without a slash at its end")
    env = provider.auth.env
    if env is not None and env != env.upper():
        raise CheckFailed(f"the key variable {env!r} is not in upper case")


def declares(subject: Subject) -> None:
    """Its cards agree with themselves, and are the same every time."""
    cards = list(subject.provider.catalogue())
    if not cards:
        raise CheckFailed("the catalogue is empty")
    for card in cards:
        if not isinstance(card, ModelCard):
            raise CheckFailed(f"the catalogue has a {type(card).__name__}, not a ModelCard")
    if cards != list(subject.provider.catalogue()):
        raise CheckFailed("catalogue() gives something else the second time")
    ids = [card.id for card in cards]
    if len(set(ids)) < len(ids):
        raise CheckFailed("two cards have one id")
    for card in cards:
        for problem in _card_problems(card):
            raise CheckFailed(f"card {card.id!r}: {problem}")


def _card_problems(card: ModelCard) -> Iterator[str]:
    takes_images = bool(card.operations & {Operation.EDIT, Operation.INPAINT})
    if not card.operations:
        yield "it has no operation"
    if takes_images != (card.max_images > 0):
        yield "max_images and operations disagree on whether it takes input images"
    if (Operation.INPAINT in card.operations) != (card.mask is not None):
        yield "mask and operations disagree on whether it takes a mask"
    if card.default_quality is not None and card.default_quality not in card.qualities:
        yield f"default_quality {card.default_quality!r} is not among its qualities"
    if not card.formats or card.max_n < 1 or card.latency <= 0:
        yield "formats, max_n or latency is empty or not positive"
    if any(price.usd for price in card.prices) and not (card.price_source and card.price_date):
        missing = [n for n in ("price_source", "price_date") if not getattr(card, n)]
        yield f"it has prices, and no {' and no '.join(missing)} to say where they are from"
    if any(price.usd < 0 for price in card.prices):
        yield "a price is negative"
    if card.shutdown is not None and card.released is not None and card.shutdown < card.released:
        yield "it was shut down before it was released"
    for sizes in (card.sizes, *card.operation_sizes.values()):
        yield from _size_problems(sizes)
    yield from _estimate_problems(card)


def _size_problems(sizes: Sizes) -> Iterator[str]:
    if why := unreadable(sizes):
        yield why
    elif isinstance(sizes, RatioSizes) and sizes.default_ratio not in sizes.ratios:
        yield "its default ratio is not among its ratios"
    elif isinstance(sizes, SizeRange) and (why := sizes.problem(Size.parse(sizes.default))):
        yield f"its default size {sizes.default} does not fit: {why}"


def _estimate_problems(card: ModelCard) -> Iterator[str]:
    guess = estimate(card, Settings(prompt="a lighthouse"))
    amounts = [amount for amount in (guess.low, guess.expected, guess.high) if amount is not None]
    if any(amount < Decimal(0) for amount in amounts) or amounts != sorted(amounts):
        yield f"its estimate is not low to high: {guess}"


def sources(subject: Subject) -> None:
    """Every transcript was recorded, or follows the vendor's documents; none is invented."""
    for name, transcript in subject.transcripts:
        if transcript.source is None:
            raise CheckFailed(f"{name} says no source: one of {', '.join(Source)}")
        if transcript.source is Source.INVENTED:
            raise CheckFailed(f"{name} is invented; `routercore plugin record` makes a real one")


STATUSES = {
    401: {Fault.UNAUTHENTICATED, Fault.FORBIDDEN},
    402: {Fault.QUOTA},
    403: {Fault.FORBIDDEN, Fault.UNAUTHENTICATED, Fault.QUOTA, Fault.REFUSED},
    404: {Fault.MODEL_NOT_FOUND, Fault.JOB_LOST, Fault.INVALID_REQUEST},
    429: {Fault.RATE_LIMITED, Fault.QUOTA},
    500: {Fault.SERVER_ERROR},
    502: {Fault.GATEWAY},
    503: {Fault.OVERLOADED},
    504: {Fault.GATEWAY, Fault.DEADLINE},
}
BODIES = (b"", b"<html>no</html>", b"{}", b"[]", b"null", b'"text"', b'{"error": null}',
          b'{"error": 5}', b'{"detail": [{}]}', b'{"errors": "x"}', b"\xff\xfe{")  # fmt: skip


def classifies(subject: Subject) -> None:
    """Every error status has its usual meaning where the vendor says nothing, whatever the body."""
    for status, faults in STATUSES.items():
        for body in BODIES:
            where = f"classify of status {status} with the body {body!r}"
            failure = _classified(subject.provider, status, body, where)
            if failure.fault not in faults:
                expected = " or ".join(sorted(faults))
                raise CheckFailed(f"{where} is {failure.fault}, not {expected}")
            if status == 429 and failure.retry_after != 7:
                raise CheckFailed(f"{where} does not keep Retry-After: {failure.retry_after!r}")


def _classified(provider: Provider, status: int, body: bytes, where: str) -> Failure:
    headers = {"retry-after": "7", "content-type": "application/json"}
    try:
        failure = provider.classify(HttpResponse(status=status, headers=headers, body=body))
    except Exception as error:  # The plugin boundary: a finding.
        raise CheckFailed(f"{where} raised {type(error).__name__}: {error}") from error
    if not isinstance(failure, Failure):
        raise CheckFailed(f"{where} returned {type(failure).__name__}, not Failure")
    if len(failure.message) > 1000:
        raise CheckFailed(f"{where} has a message of {len(failure.message)} characters")
    return failure


def properties(subject: Subject) -> None:
    """Every request that fits a card becomes a well-formed HTTP request to the base URL."""
    for card in subject.provider.catalogue():
        _properties_of(subject.provider, card.named("some/model") if card.id == WILDCARD else card)


def _properties_of(provider: Provider, card: ModelCard) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(requests(card))
    def holds(request: ImageRequest) -> None:
        fitted = check(card, request, LONG_AGO)
        if not isinstance(fitted, Fit):
            return
        asked = {name: getattr(fitted.request, name) for name in Settings.__dataclass_fields__}
        asked["n"] = min(fitted.request.n, card.max_n_of(fitted.request.output_format))
        journey = travel(
            provider, provider.generate(Task(card=card, base_url=ELSEWHERE, **asked)), []
        )
        for sent in journey.requests[:1]:
            _well_formed(sent)

    holds()


def requests(card: ModelCard) -> st.SearchStrategy[ImageRequest]:
    """Requests of the kind that the card says it can do."""
    picture = InputImage.of(PNG)
    operations = st.sampled_from(sorted(card.operations))
    edges = st.integers(64, 4096)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "size": st.none() | st.builds(Size, edges, edges),
        "quality": st.sampled_from([None, *card.qualities]),
        "output_format": st.sampled_from([None, *card.formats]),
        "seed": st.none() | st.integers(0, 2**31),
        "negative_prompt": st.none() | st.text(max_size=20),
        "background": st.sampled_from([None, *card.backgrounds]),
        "n": st.integers(1, max(card.max_n, 2)),
    }

    @st.composite
    def made(draw: st.DrawFn) -> ImageRequest:
        operation = draw(operations)
        has_images = operation is not Operation.GENERATE
        count = draw(st.integers(1, max(1, card.max_images))) if has_images else 0
        return ImageRequest(
            model=card.id,
            prompt=draw(st.text(min_size=1, max_size=60)),
            images=(picture,) * count,
            mask=picture if operation is Operation.INPAINT else None,
            **{name: draw(strategy) for name, strategy in optional.items()},
        )

    return made()


def _well_formed(sent: HttpRequest) -> None:
    if not sent.url.startswith(ELSEWHERE):
        raise CheckFailed(f"with another base_url it still asks {sent.url}")
    if sum(body is not None for body in (sent.json, sent.form, sent.content)) > 1:
        raise CheckFailed("a request has more than one body")
    for name, value in sent.headers.items():
        if not isinstance(value, str) or "\n" in value or "\r" in value:
            raise CheckFailed(f"the header {name!r} is not one line of text")
    if sent.form is not None and not all(isinstance(part, Part) for part in sent.form):
        raise CheckFailed("a form has something else than parts")
    if sent.json is not None:
        try:
            json.dumps(sent.json, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise CheckFailed(f"its JSON cannot be written: {error}") from error
