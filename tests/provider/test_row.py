"""Rows against everything that a service may answer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routercore.provider import (
    WILDCARD,
    Charge,
    Fault,
    Generated,
    HttpResponse,
    InputImage,
    ModelCard,
    Operation,
    RawImage,
    Row,
    ServerEvent,
    Size,
    Task,
    Usage,
    bearer,
    fail,
)
from routercore.testing.flows import Played, play
from routercore.values.events import Partial

CARD = ModelCard(
    id="m", operations=frozenset(Operation), partial_images=3, url_lifetime=60.0, max_images=4
)
ROW = Row(
    name="row",
    auth=bearer("ROW_KEY"),
    origins=("https://row.example/v1",),
    cards=(CARD, ModelCard(id=WILDCARD, max_n=7)),
    reports_cost=True,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["data", "error", "url", "b64_json", "usage", "cost", "type", "code", "message",
             "input_tokens", "output_tokens", "input_tokens_details", "image_tokens", "status",
             "partial_image_index", "detail", "loc", "msg", "moderation_details", "categories",
             "id", "output", "architecture", "output_modalities", "param", "size"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


def task(**settings: Any) -> Task:
    settings = {"prompt": "a heron", "card": CARD, "base_url": ROW.origins[0], **settings}
    return Task(**settings)


def ok(body: Any, **headers: str) -> HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=200, headers=headers, body=data)


def answered(body: Any, row: Row = ROW) -> Played[Generated]:
    return play(row, row.generate(task()), [ok(body)])


def streamed(*events: Any, row: Row = ROW) -> Played[Generated]:
    replies = [event if isinstance(event, ServerEvent) else sent(event) for event in events]
    head = HttpResponse(status=200, headers={"content-type": "text/event-stream"})
    return play(row, row.generate(task(stream=True)), [head, *replies])


def sent(data: Any, event: str = "message") -> ServerEvent:
    return ServerEvent(event, data if isinstance(data, str) else json.dumps(data))


def fault(played: Played[Generated]) -> Fault:
    assert played.failed is not None
    return played.failed.failure.fault


def test_each_image_is_taken_in_the_form_it_came_in() -> None:
    """URLs, base64, data URLs and revised prompts may be mixed; what is no image is passed over."""
    items = [
        {"url": "https://x.example/1.png", "revised_prompt": "a grey heron"},
        {"b64_json": "QUJD"},
        {"url": "data:image/png;base64,QUJD"},
        {"b64_json": "QUJD", "url": "https://x.example/2.png"},
        {"b64_json": None, "url": ""},
        "nonsense",
    ]
    expected = (
        RawImage(url="https://x.example/1.png", expires_in=60.0, revised_prompt="a grey heron"),
        RawImage(base64="QUJD"),
        RawImage(base64="data:image/png;base64,QUJD"),
        RawImage(base64="QUJD"),
    )
    assert expected == answered({"data": items}).result.images


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (0.04, Decimal("0.04")),
        ("0.0312", Decimal("0.0312")),
        (0, Decimal(0)),
        (-1, None),
        (True, None),
        (None, None),
        ("free", None),
    ],
)
def test_reported_cost(cost: Any, expected: Decimal | None) -> None:
    """A cost is read to the last digit; what is none is unknown, never zero."""
    result = answered({"data": [{"b64_json": "QUJD"}], "cost": cost}).result
    assert expected == result.cost_usd


def test_cost_is_ignored_where_nobody_says_what_it_means() -> None:
    """Only a row that declares it takes ``cost`` for US dollars."""
    row = Row(name="row", auth=ROW.auth, origins=ROW.origins, cards=(CARD,))
    assert answered({"data": [{"b64_json": "QUJD"}], "cost": 4}, row).result.cost_usd is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "input_tokens": 10,
                "input_tokens_details": {"image_tokens": 4, "text_tokens": 6},
                "output_tokens": 30,
                "output_tokens_details": {"text_tokens": 5, "image_tokens": 25},
            },
            Usage(text_in=6, image_in=4, text_out=5, image_out=25),
        ),
        ({"input_tokens": 10, "output_tokens": 30}, Usage(text_in=10, image_out=30)),
        ({"output_tokens": 30, "input_tokens_details": [1]}, Usage(image_out=30)),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        ({"input_tokens": "10", "output_tokens": None}, None),
        ("many", None),
        (None, None),
    ],
)
def test_usage(usage: Any, expected: Usage | None) -> None:
    """Tokens are read where they are numbers, and no detail is needed."""
    assert expected == answered({"data": [{"b64_json": "QUJD"}], "usage": usage}).result.usage


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<html>Welcome</html>", Fault.REPLY_CUT),
        (b"", Fault.REPLY_CUT),
        (b'{"data": [{"b64_json": "QU', Fault.REPLY_CUT),
        (b"\xff\xfe", Fault.REPLY_CUT),
        (b"[" * 100_000, Fault.REPLY_CUT),
        ([], Fault.REPLY_CUT),
        ({"data": []}, Fault.NO_IMAGE),
        ({"data": None}, Fault.NO_IMAGE),
        ({"created": 1}, Fault.NO_IMAGE),
        ({"error": {"type": "server_error"}}, Fault.SERVER_ERROR),
        ({"error": {"message": "no idea"}}, Fault.SERVER_ERROR),
        ({"error": "no idea", "data": []}, Fault.SERVER_ERROR),
        ({"error": {"type": "invalid_request_error"}}, Fault.INVALID_REQUEST),
        ({"error": {"type": "invalid_request_error"}, "status": 429}, Fault.RATE_LIMITED),
        ({"error": {"code": 402}}, Fault.QUOTA),
        ({"error": {"code": "moderation_blocked"}}, Fault.REFUSED),
        ({"error": {"type": "rate_limit_error"}}, Fault.RATE_LIMITED),
        ({"code": "insufficient_user_quota", "message": "empty"}, Fault.QUOTA),
        ({"detail": "busy"}, Fault.SERVER_ERROR),
    ],
)
def test_a_success_that_is_none(body: Any, expected: Fault) -> None:
    """Status 200 proves nothing: the body says what failed, and whose fault it was."""
    assert expected == fault(answered(body))


def test_images_count_more_than_an_error_beside_them() -> None:
    """An answer with images is a success, whatever else is in it."""
    assert len(answered({"data": [{"b64_json": "QUJD"}], "error": "late"}).result.images) == 1


def test_a_service_that_bills_no_failure_says_so() -> None:
    """``failures_are_free`` is in every failure that the service answered with."""
    row = Row(name="row", auth=ROW.auth, origins=ROW.origins, cards=(CARD,), failures_are_free=True)
    failed = answered({"error": {"type": "server_error"}}, row).failed
    assert failed is not None
    assert failed.failure.charge is Charge.NONE


@given(JSON)
def test_any_json_is_an_outcome(body: Any) -> None:
    """Whatever JSON comes, the flow ends with images or a failure."""
    played = answered(body)
    assert played.failed is not None or played.result.images


@given(st.binary(max_size=40))
def test_any_bytes_are_an_outcome(body: bytes) -> None:
    """Whatever bytes come, the flow ends with images or a failure."""
    played = answered(body)
    assert played.failed is not None or played.result.images


@given(st.lists(st.tuples(st.sampled_from(["x.partial_image", "x.completed", "error", ""]), JSON)))
def test_any_stream_is_an_outcome(events: list[tuple[str, Any]]) -> None:
    """Whatever events come, the flow ends with images or a failure."""
    played = streamed(*(sent(data, kind) for kind, data in events))
    assert played.failed is not None or played.result.images


@given(JSON, st.sampled_from([200, 400, 401, 403, 404, 429, 500, 503]))
def test_any_error_is_classified(body: Any, status: int) -> None:
    """Whatever comes with an error status, there is a failure for it, and it stays short."""
    response = HttpResponse(status=status, body=json.dumps(body).encode())
    failure = ROW.classify(response)
    assert failure.status == status
    assert 0 < len(failure.message) <= 500


@given(JSON)
def test_any_list_of_models_is_survived(body: Any) -> None:
    """Whatever a service lists, discovery ends with cards."""
    played = play(ROW, ROW.discover(ROW.origins[0]), [ok(body)])
    assert all(isinstance(card, ModelCard) for card in played.result)


def test_stream_of_several_images() -> None:
    """Each completed event brings one image; their tokens add up, and partial ones are told."""
    usage = {"input_tokens": 5, "output_tokens": 100}
    played = streamed(
        {"type": "image_generation.partial_image", "b64_json": "QQ==", "partial_image_index": 0},
        {"type": "image_generation.partial_image", "partial_image_index": 1},
        {"type": "image_generation.completed", "b64_json": "Qg==", "usage": usage},
        {"type": "image_generation.completed", "b64_json": "Qw==", "usage": usage},
        "[DONE]",
    )
    assert (RawImage(base64="Qg=="), RawImage(base64="Qw==")) == played.result.images
    assert Usage(text_in=10, image_out=200) == played.result.usage
    assert played.notices == [Partial(0, RawImage(base64="QQ=="))]


def test_event_names_do_where_the_data_has_no_type() -> None:
    """The name of the event stands in for a missing type."""
    played = streamed(sent({"b64_json": "Qg=="}, "image_edit.completed"))
    assert (RawImage(base64="Qg=="),) == played.result.images


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"error": {"type": "server_error", "message": "x"}}, Fault.SERVER_ERROR),
        ({"error": {"code": "moderation_blocked"}}, Fault.REFUSED),
        ({"error": {"code": "insufficient_quota"}}, Fault.QUOTA),
        ({"error": {"type": "invalid_request_error"}}, Fault.INVALID_REQUEST),
        ({"type": "error", "message": "x"}, Fault.SERVER_ERROR),
        ({"type": "error", "code": "rate_limit_exceeded"}, Fault.RATE_LIMITED),
        ("no json", Fault.REPLY_CUT),
        ([1], Fault.REPLY_CUT),
        ({"type": "image_generation.completed"}, Fault.NO_IMAGE),
        ({"type": "keepalive"}, Fault.REPLY_CUT),
    ],
)
def test_errors_inside_a_stream(event: Any, expected: Fault) -> None:
    """An error event is classified by its words; a stream without a final image was cut."""
    assert expected == fault(streamed(event))


@pytest.mark.parametrize(
    ("code", "expected"),
    [("moderation_blocked", (Fault.REFUSED_RESULT, "output", Charge.UNKNOWN)),
     ("server_is_overloaded", (Fault.OVERLOADED, None, Charge.UNKNOWN))],
)  # fmt: skip
def test_errors_after_a_picture(code: str, expected: object) -> None:
    """What fails once a picture was seen was worked on, and may be billed whatever it is."""
    seen = {"type": "image_generation.partial_image", "b64_json": "QQ=="}
    played = streamed(seen, {"error": {"code": code}})
    assert played.failed is not None
    failure = played.failed.failure
    assert expected == (failure.fault, failure.stage, failure.charge)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (sent({"error": {"code": "moderation_blocked"}}), Fault.REFUSED),
        (sent({"type": "error", "message": "x"}), Fault.SERVER_ERROR),
        (sent("no json"), Fault.REPLY_CUT),
        (sent({"type": "image_generation.completed"}), Fault.NO_IMAGE),
        (fail(Fault.REPLY_CUT, "the connection is gone"), Fault.REPLY_CUT),
    ],
)
def test_what_was_completed_stays(end: Any, expected: Fault) -> None:
    """An image that is complete is paid for: it is kept, whatever becomes of those after it, and
    what became of them is told beside it."""
    done = sent({"type": "image_generation.completed", "b64_json": "QQ=="})
    head = HttpResponse(status=200, headers={"content-type": "text/event-stream"})
    played = play(ROW, ROW.generate(task(stream=True, n=2)), [head, done, end])
    assert (RawImage(base64="QQ=="),) == played.result.images
    failure = played.result.failure
    assert expected == (failure and failure.fault)


@pytest.mark.parametrize(
    ("body", "expected"),
    [({"error": {"code": "moderation_blocked"}}, Fault.REFUSED), (b"<html>", Fault.REPLY_CUT)],
)
def test_an_answer_instead_of_a_stream(body: Any, expected: Fault) -> None:
    """A service that answers whole where a stream was asked for is read like any answer."""
    played = play(ROW, ROW.generate(task(stream=True)), [ok(body)])
    assert expected == fault(played)
    played = play(ROW, ROW.generate(task(stream=True)), [ok({"data": [{"b64_json": "QQ=="}]})])
    assert (RawImage(base64="QQ=="),) == played.result.images


def test_only_what_was_asked_for_is_sent() -> None:
    """A plain request carries the model and the prompt alone."""
    played = answered({"data": [{"b64_json": "QQ=="}]})
    assert played.requests[0].json == {"model": "m", "prompt": "a heron"}
    assert played.requests[0].url == "https://row.example/v1/images/generations"


def test_extra_fields_and_options_are_sent() -> None:
    """A row's own fields go out with every request; a caller's options come last."""
    row = Row(name="row", auth=ROW.auth, origins=ROW.origins, extra={"a": 1, "b": 1})
    body = row.build(task(options={"b": 2}, n=2, size=Size(64, 64), idempotency_key="k")).json
    assert body == {
        "model": "m", "prompt": "a heron", "n": 2, "size": "64x64", "a": 1, "b": 2,
    }  # fmt: skip


def test_idempotency_key_goes_out_as_a_header() -> None:
    """The key of an attempt is sent with its request."""
    assert ROW.build(task(idempotency_key="k")).headers == {"idempotency-key": "k"}


def test_nested_settings_become_bracketed_fields_of_a_form() -> None:
    """An edit's form sends nested settings the way the official SDKs do."""
    image = InputImage(b"1")
    request = ROW.build(task(images=(image,), svg={"model": "x", "reasoning": {"effort": "low"}}))
    assert request.form is not None
    values = {part.name: part.data for part in request.form}
    assert values["svg[model]"] == "x"
    assert values["svg[reasoning][effort]"] == "low"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"data": [{"id": "m"}, {"id": "new"}]}, ["m", "new"]),
        ([{"id": "new", "output": ["image"]}, {"id": "film", "output": ["video"]}], ["new"]),
        ({"new": {"architecture": {"output_modalities": ["image"]}}, "odd": 3}, ["new"]),
        ({"data": "none"}, []),
        (7, []),
    ],
)
def test_discovery(body: Any, expected: list[str]) -> None:
    """Lists of every shape are read; new models take after the wildcard card."""
    cards = play(ROW, ROW.discover(ROW.origins[0]), [ok(body)]).result
    assert expected == [card.id for card in cards]
    assert all(card is CARD or card.max_n == 7 for card in cards)


def test_discovery_leaves_out_what_may_be_no_image_model() -> None:
    """Where the list has other models too, only known and labelled ones are taken."""
    row = Row(
        name="row", auth=ROW.auth, origins=ROW.origins, cards=ROW.cards, lists_other_models=True
    )
    listing = [{"id": "m"}, {"id": "chat"}, {"id": "new", "output": ["image"]}]
    cards = play(row, row.discover(row.origins[0]), [ok(listing)]).result
    assert [card.id for card in cards] == ["m", "new"]


def test_discovery_learns_a_last_day() -> None:
    """A list that says when a declared model is shut down is believed."""
    body = {"data": [{"id": "m", "shutdown_date": "2026-12-01"}]}
    (card,) = play(ROW, ROW.discover(ROW.origins[0]), [ok(body)]).result
    assert card == replace(CARD, shutdown=date(2026, 12, 1))


def test_discovery_without_a_list() -> None:
    """A service that lists nothing is not asked."""
    row = Row(name="row", auth=ROW.auth, origins=ROW.origins, cards=(CARD,), models_path=None)
    played = play(row, row.discover(row.origins[0]), [])
    assert played.requests == []
    assert played.result == (CARD,)
