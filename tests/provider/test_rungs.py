"""What the rungs promise, shown on a job of the tests' own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from routercore.provider import (
    Accepted,
    Charge,
    Fault,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    InputImage,
    Job,
    JobState,
    JobStatus,
    ModelCard,
    NoAuth,
    OneShot,
    Part,
    Progress,
    ProviderFailed,
    RawImage,
    Task,
    call,
    fail,
    file_part,
    fraction_at,
    generated,
    get,
    named_job,
    post_json,
    text_at,
    unnamed_job,
)
from routercore.testing.flows import Played, play

STATES = {
    "done": JobState.DONE,
    "failed": JobState.FAILED,
    "refused": JobState.REFUSED,
    "withheld": JobState.REFUSED_RESULT,
    "unknown job": JobState.LOST,
}
TASK = Task(prompt="a lighthouse", card=ModelCard(id="m"), base_url="https://jobs.example")


class Jobs(Job):
    """A vendor of jobs with a separate result."""

    name = "jobs"
    auth = NoAuth()
    origins = ("https://jobs.example",)

    def catalogue(self) -> Sequence[ModelCard]:
        return [TASK.card]

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.url("/jobs"), {"prompt": task.prompt})

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = text_at(response.object(), "id")
        if job is None:
            raise unnamed_job(response)
        return {"poll": task.url(f"/jobs/{job}"), "result": task.url(f"/results/{job}")}

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        return get(handle["poll"])

    def status(self, response: HttpResponse) -> JobStatus:
        body = response.object()
        state = STATES.get(text_at(body, "state") or "", JobState.PENDING)
        return JobStatus(state, text_at(body, "why") or "", fraction_at(body, "progress"))

    def collect(self, handle: Mapping[str, Any], response: HttpResponse) -> HttpRequest | None:
        return get(handle["result"])

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        return Generated(images=(RawImage(url=response.json()["url"]),))


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode(), headers=headers)


def run(*replies: Any, flow: Flow[Generated] | None = None) -> Played[Generated]:
    return play(Jobs(), flow or Jobs().generate(TASK), replies)


ACCEPTED = answer({"id": "7"})
DONE = answer({"state": "done"})
RESULT = answer({"url": "https://cdn.example/7.png"})


def test_a_job_is_submitted_polled_and_collected() -> None:
    """One submit, polls until done, one collection; the notices say what happened."""
    played = run(ACCEPTED, answer({"state": "busy", "progress": 0.5}), DONE, RESULT)
    assert [
        ("POST", "https://jobs.example/jobs"),
        ("GET", "https://jobs.example/jobs/7"),
        ("GET", "https://jobs.example/jobs/7"),
        ("GET", "https://jobs.example/results/7"),
    ] == [(request.method, request.url) for request in played.requests]
    handle = {"poll": "https://jobs.example/jobs/7", "result": "https://jobs.example/results/7"}
    assert [Accepted(handle), Progress(0.5, "")] == played.notices
    assert (RawImage(url="https://cdn.example/7.png"),) == played.result.images


def test_a_handle_is_enough_to_resume_elsewhere() -> None:
    """A handle that went through JSON fetches the picture without a second submit."""
    first = run(ACCEPTED)
    notice = first.notices[0]
    assert isinstance(notice, Accepted)
    handle = json.loads(json.dumps(notice.handle))
    played = run(DONE, RESULT, flow=Jobs().resume(TASK, handle))
    assert {"GET"} == {request.method for request in played.requests}
    assert 1 == len(played.result.images)


@pytest.mark.parametrize(
    "reply",
    [
        answer({}, 500),
        answer({}, 503),
        answer({}, 429, **{"retry-after": "3"}),
        fail(Fault.REPLY_LOST, "reset"),
        fail(Fault.REPLY_CUT, "cut"),
        HttpResponse(status=200, body=b"<html>"),
        answer({"state": "a word of tomorrow"}),
        answer([1]),
    ],
)
def test_a_bad_poll_is_asked_again(reply: Any) -> None:
    """Whatever becomes of a poll, the job is asked after again and nothing is submitted twice."""
    played = run(ACCEPTED, reply, reply, reply, DONE, RESULT)
    assert ["POST", "GET"] == sorted({r.method for r in played.requests}, reverse=True)
    assert 1 == sum(request.method == "POST" for request in played.requests)
    assert 1 == len(played.result.images)


def test_the_vendor_sets_the_pace() -> None:
    """A Retry-After on a poll is kept; without one the waits double."""
    played = run(ACCEPTED, answer({}, 500), answer({}, 500), DONE, RESULT)
    assert [1.0, 1.0, 2.0] == played.waits
    played = run(ACCEPTED, answer({}, 429, **{"retry-after": "9"}), DONE, RESULT)
    assert [1.0, 9.0] == played.waits


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("failed", Fault.JOB_FAILED),
        ("refused", Fault.REFUSED),
        ("withheld", Fault.REFUSED_RESULT),
    ],
)
def test_a_final_state_ends_at_once(word: str, fault: Fault) -> None:
    """A job that ended badly is a failure of its class, in the vendor's words."""
    played = run(ACCEPTED, answer({"state": word, "why": "no foxes"}), DONE, RESULT)
    assert played.failed is not None
    assert (fault, "no foxes") == (played.failed.failure.fault, played.failed.failure.message)


@pytest.mark.parametrize("lost", [answer({"state": "unknown job"}), answer({}, 404)])
def test_an_unknown_job_is_given_three_polls(lost: HttpResponse) -> None:
    """Unknown twice and then found is a picture; unknown three times in a row is lost."""
    assert 1 == len(run(ACCEPTED, lost, lost, DONE, RESULT).result.images)
    busy = answer({"state": "busy"})
    assert 1 == len(run(ACCEPTED, lost, lost, busy, lost, lost, DONE, RESULT).result.images)
    played = run(ACCEPTED, lost, lost, lost, DONE, RESULT)
    assert played.failed is not None
    assert Fault.JOB_LOST is played.failed.failure.fault


@pytest.mark.parametrize("body", [{}, [], {"id": None}, {"id": ""}, "text"])
def test_a_submit_without_a_job_is_a_cut_reply(body: Any) -> None:
    """A success that names no job may have begun one: it is not to be repeated unknowingly."""
    played = run(answer(body))
    assert played.failed is not None
    assert Fault.REPLY_CUT is played.failed.failure.fault
    assert [] == played.notices


@pytest.mark.parametrize("status", [400, 401, 402, 403])
def test_a_poll_turned_away_does_not_make_the_job_free(status: int) -> None:
    """After acceptance a refused key says nothing of money, so the charge is unknown."""
    played = run(ACCEPTED, answer({}, status))
    assert played.failed is not None
    assert Charge.UNKNOWN is played.failed.failure.charge
    at_submit = run(answer({}, status))
    assert at_submit.failed is not None
    assert at_submit.failed.failure.charge is None


def test_the_result_is_asked_for_about_a_minute() -> None:
    """A result that cannot be had ends in the vendor's failure, not in endless asking."""
    played = run(ACCEPTED, DONE, *[answer({}, 500)] * 20)
    assert played.failed is not None
    assert Fault.SERVER_ERROR is played.failed.failure.fault
    assert 8 == sum("/results/" in request.url for request in played.requests)


class Painter(OneShot):
    """A vendor that answers at once."""

    name = "painter"
    auth = NoAuth()
    origins = ("https://paint.example",)

    def catalogue(self) -> Sequence[ModelCard]:
        return [TASK.card]

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.url("/paint"), {"prompt": task.prompt})

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        return Generated(images=(RawImage(url=response.json()["url"]),))


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (answer({"error": {"message": "no", "code": "invalid"}}, 400), Fault.INVALID_REQUEST),
        (answer({"error": {"code": "moderation_blocked"}}, 400), Fault.REFUSED),
        (HttpResponse(status=200, body=b"<html>"), Fault.REPLY_CUT),
    ],
)
def test_one_shot(reply: HttpResponse, fault: Fault) -> None:
    """One exchange makes a picture, and an answer without one is a failure of its class."""
    painter = Painter()
    played = play(painter, painter.generate(TASK), [RESULT])
    assert (RawImage(url="https://cdn.example/7.png"),) == played.result.images
    assert ["https://jobs.example/paint"] == [request.url for request in played.requests]
    played = play(painter, painter.generate(TASK), [reply])
    assert played.failed is not None
    assert fault is played.failed.failure.fault


class Uploading(Jobs):
    """A vendor that wants its pictures uploaded before the job."""

    def submit(self, task: Task) -> Flow[HttpResponse]:
        yield from call(post_json(task.url("/files"), None, billable=False))
        return (yield from super().submit(task))


def test_a_submit_may_take_several_exchanges() -> None:
    """What goes before the job is no part of its handle, and the job runs as any other."""
    provider = Uploading()
    played = play(provider, provider.generate(TASK), [answer({}), ACCEPTED, DONE, RESULT])
    assert [False, True, False, False] == [request.is_billable for request in played.requests]
    assert 1 == len(played.result.images)


class Both(Jobs):
    """A vendor that does small tasks at once."""

    def answers_at_once(self, task: Task) -> bool:
        return task.prompt == "a dot"


def test_a_task_that_is_answered_at_once_is_no_job() -> None:
    """Nothing is accepted and nothing polled: the answer to the submit is what is parsed."""
    task = replace(TASK, prompt="a dot")
    done = answer({"url": "https://jobs.example/1.png"})
    played = play(Both(), Both().generate(task), [done])
    assert 1 == len(played.requests)
    assert [] == played.notices


def test_a_job_is_named_by_its_answer() -> None:
    """At the path that the vendor has for it; without it, the submit is of unknown outcome."""
    assert "j-1" == named_job(answer({"output": {"task": "j-1"}}), "output", "task")
    with pytest.raises(ProviderFailed) as failed:
        named_job(answer({"output": []}), "output", "task")
    assert Fault.REPLY_CUT is failed.value.failure.fault


def test_what_is_generated_is_what_there_is() -> None:
    """Missing pictures are left out; without any it is a failure, by policy or by accident."""
    image = RawImage(url="https://jobs.example/1.png")
    assert Generated(images=(image,), model="m") == generated([None, image], model="m")
    with pytest.raises(ProviderFailed) as failed:
        generated([None], missing="nothing there")
    assert (Fault.NO_IMAGE, "nothing there") == (
        failed.value.failure.fault,
        failed.value.failure.message,
    )
    with pytest.raises(ProviderFailed) as failed:
        generated([None], withheld=True)
    assert (Fault.REFUSED_RESULT, Charge.UNKNOWN) == (
        failed.value.failure.fault,
        failed.value.failure.charge,
    )


def test_a_picture_is_a_file_of_a_form() -> None:
    """With its name and its kind."""
    part = file_part("mask", InputImage(b"GIF89a", "image/gif", "m.gif"))
    assert Part("mask", b"GIF89a", "m.gif", "image/gif") == part
