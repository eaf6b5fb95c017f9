"""The player of transcripts notices everything that differs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from routercore.provider import (
    WILDCARD,
    Accepted,
    Flow,
    Generated,
    ModelCard,
    Operation,
    RawImage,
    Row,
    Task,
    accepted,
    bearer,
    post_json,
)
from routercore.testing.transcripts import Exchange, Mismatch, Transcript, load, replay

ROW = Row(
    name="row",
    auth=bearer("ROW_KEY"),
    origins=("https://row.example/v1",),
    cards=(
        ModelCard(id="m", aliases=("alias",), operations=frozenset(Operation), max_images=2),
        ModelCard(id=WILDCARD),
    ),
)
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
ANSWER = {"status": 200, "headers": {}, "json": {"data": [{"b64_json": PICTURE}]}}
GENERATE = "https://row.example/v1/images/generations"


def recorded(**changes: Any) -> dict[str, Any]:
    request = {"method": "POST", "url": GENERATE, "json": {"model": "m"}, "without": ["seed"]}
    return {
        "provider": "row",
        "about": "A case.",
        "task": {"model": "alias", "prompt": "a heron", "size": "64x64", "n": 2},
        "exchanges": [{"request": {**request, **changes.pop("request", {})}, "response": ANSWER}],
        "result": {"images": 1, "usage": None},
        **changes,
    }


def save(folder: Path, case: dict[str, Any]) -> Path:
    path = folder / "case.json"
    path.write_text(json.dumps(case), "utf-8")
    return path


def test_a_case_that_holds(tmp_path: Path) -> None:
    """A case that holds gives back what was played."""
    played = replay(ROW, save(tmp_path, recorded()))
    assert played.result.images == (RawImage(base64=PICTURE),)
    assert [request.url for request in played.requests] == [GENERATE]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"request": {"method": "PUT"}}, "method and URL"),
        ({"request": {"url": "https://elsewhere.example"}}, "method and URL"),
        ({"request": {"headers": {"x-mode": "fast"}}}, "header 'x-mode'"),
        ({"request": {"json": {"model": "other"}}}, "json.model: expected 'other', got 'm'"),
        ({"request": {"json": {"seed": 1}}}, "'seed' is missing"),
        ({"request": {"json": {"prompt": {"text": "a heron"}}}}, "json.prompt"),
        ({"request": {"form": {"model": "m"}}}, "expected a body of form"),
        ({"request": {"without": ["n"]}}, r"must not be sent: \['n'\]"),
        ({"exchanges": []}, "number of requests: expected 0, got 1"),
        ({"result": {"images": 2}}, "result.images: expected 2, got 1"),
        ({"result": {"usage": {"text_in": 1}}}, "result.usage"),
        ({"notices": [{"kind": "partial"}]}, "number of notices"),
    ],
)
def test_every_difference_is_noticed(tmp_path: Path, changes: Any, message: str) -> None:
    """A difference in request, body, outcome or notices is named."""
    with pytest.raises(Mismatch, match=message):
        replay(ROW, save(tmp_path, recorded(**changes)))


def test_an_exchange_that_was_not_asked_for(tmp_path: Path) -> None:
    """A provider that stops early is noticed."""
    case = recorded()
    with pytest.raises(Mismatch, match="number of requests: expected 2, got 1"):
        replay(ROW, save(tmp_path, {**case, "exchanges": case["exchanges"] * 2}))


def test_a_result_where_a_failure_was_recorded(tmp_path: Path) -> None:
    """Success is a difference where the case fails."""
    case = {key: value for key, value in recorded().items() if key != "result"}
    with pytest.raises(Mismatch, match="unexpected result"):
        replay(ROW, save(tmp_path, {**case, "failure": {"fault": "refused"}}))


def test_a_file_with_neither_end(tmp_path: Path) -> None:
    """A transcript without an outcome proves nothing, and is refused."""
    case = {key: value for key, value in recorded().items() if key != "result"}
    with pytest.raises(ValueError, match="either a result or a failure"):
        load(save(tmp_path, case))


def test_a_form_is_compared_field_by_field(tmp_path: Path) -> None:
    """Files are told by their place, repeated fields by their number."""
    task = {"model": "m", "prompt": "a heron", "images": [PICTURE, PICTURE], "mask": PICTURE}
    form = {"prompt": "a heron", "image[]": ["<file>", "<file>"], "mask": "<file>"}
    request = {"method": "POST", "url": "https://row.example/v1/images/edits", "form": form}
    exchanges = [{"request": request, "response": ANSWER}]
    replay(ROW, save(tmp_path, recorded(task=task, exchanges=exchanges)))


def test_an_unlisted_model_takes_the_wildcard_card() -> None:
    """A model of an open catalogue is played under its own name."""
    transcript = Transcript(
        provider="row", about="", task={"model": "new", "prompt": ""}, exchanges=(), result={}
    )
    assert transcript.task_for(ROW).model == "new"


def test_an_unknown_model() -> None:
    """A model that the provider does not have is named."""
    row = Row(name="row", auth=ROW.auth, origins=ROW.origins)
    transcript = Transcript(
        provider="row", about="", task={"model": "new", "prompt": ""}, exchanges=(), result={}
    )
    with pytest.raises(Mismatch, match="'row' has no model 'new'"):
        transcript.task_for(row)


class Job(Row):
    """A row that reports an accepted job and gives bytes."""

    __slots__ = ()

    def generate(self, task: Task) -> Flow[Generated]:
        yield from accepted({"id": "7"})
        response = yield from super().generate(task)
        return Generated(images=response.images, size="64x64")


def test_notices_and_bodies_of_bytes() -> None:
    """Notices are compared by kind and attributes, bodies may be base64 of anything."""
    row = Job(name="row", auth=ROW.auth, origins=ROW.origins, cards=ROW.cards)
    text = base64.b64encode(json.dumps(ANSWER["json"]).encode()).decode()
    case = recorded(notices=[{"kind": "accepted", "handle": {"id": "7"}}], result={"size": "64x64"})
    case["exchanges"][0]["response"] = {"status": 200, "base64": text}
    (exchange,) = case["exchanges"]
    case["exchanges"] = (Exchange(exchange["request"], exchange["response"]),)
    played = replay(row, Transcript(**case))
    assert played.notices == [Accepted({"id": "7"})]


def test_a_body_that_is_a_list() -> None:
    """A list is compared as a whole, and has no fields that must not be sent."""
    request = {"method": "POST", "url": GENERATE, "json": [{"model": "m"}], "without": ["seed"]}
    exchange = Exchange(request, ANSWER)
    exchange.check(post_json(GENERATE, [{"model": "m"}]))
    with pytest.raises(Mismatch, match="json: expected"):
        exchange.check(post_json(GENERATE, [{"model": "m"}, {"model": "n"}]))
