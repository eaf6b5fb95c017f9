"""Runware: one URL for everything, tasks in a list, errors beside results; jobs on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from routercore.provider import (
    Failure,
    Fault,
    Generated,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    ModelCard,
    Option,
    Provider,
    ProviderFailed,
    RawImage,
    Task,
    Warning,
    at,
    bearer,
    classify_status,
    generated,
    hookimpl,
    list_at,
    number_at,
    post_json,
    text_at,
    whole_at,
)
from routercore_runware.models import CARDS
from routercore_runware.tasks import task_id, written

__all__ = ["Runware", "task_id"]

FLAGGED = Warning(
    code="flagged", param="moderation", message="Runware flagged a picture as not safe for work"
)
# The vendor's page of errors names invalidApiKey and timeoutProvider; the others are unverified,
# and what they stand for is told from their beginning or their status as well.
CODES = {
    "invalidApiKey": Fault.UNAUTHENTICATED,
    "missingApiKey": Fault.UNAUTHENTICATED,
    "insufficientCredits": Fault.QUOTA,
    "invalidProviderContent": Fault.REFUSED,
    "invalidModel": Fault.MODEL_NOT_FOUND,
    "timeoutProvider": Fault.GATEWAY,
}
"""Codes that say more than the status they come with; they may come with 200."""
INVALID = ("invalid", "missing", "unsupported", "conflict")
"""How all other codes begin that find fault with the request."""


class Runware(Job):
    """The API at api.runware.ai, over plain HTTP: at once, or by a job where the options say so."""

    name = "runware"
    auth = bearer("RUNWARE_API_KEY")
    origins = ("https://api.runware.ai/v1",)
    own_options: ClassVar = {"deliveryMethod": Option(words=("sync", "async"))}

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def answers_at_once(self, task: Task) -> bool:
        return bool(task.options.get("deliveryMethod") != "async")

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.base_url, [written(task)])

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        """The id is the client's own; an error in its place says that there is no job."""
        body = response.object()
        if not list_at(body, "data") and list_at(body, "errors"):
            raise ProviderFailed(self.classify(response))
        return {"id": task_id(task), "poll": task.base_url, "n": task.n}

    def poll(self, handle: Mapping[str, Any]) -> HttpRequest:
        wanted = {"taskType": "getResponse", "taskUUID": handle["id"]}
        return post_json(handle["poll"], [wanted], billable=False)

    def stands(self, handle: Mapping[str, Any], response: HttpResponse) -> JobStatus:
        """Pictures come one by one, and all have to be there, or errors in place of some; only
        ``success`` is a word that was seen."""
        body = response.object()
        items = [item for item in list_at(body, "data") if at(item, "status") != "processing"]
        if list_at(body, "errors") or len(items) >= (number := handle.get("n", 1)):
            return JobStatus(JobState.DONE)
        return JobStatus(JobState.PENDING, "processing", fraction=len(items) / number)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        body, id = response.json(), handle.get("id") or task_id(task)
        ours = [item for item in list_at(body, "data") if _is_ours(item, id)]
        images = [image for item in ours if (image := _image(item)) is not None]
        if not images and list_at(body, "errors"):
            raise ProviderFailed(self.classify(response))
        flagged = any(at(item, "NSFWContent") is True for item in ours)
        warnings = (FLAGGED,) if flagged else ()
        return generated(images, withheld=flagged, cost_usd=_cost(ours), warnings=warnings)

    def classify(self, response: HttpResponse) -> Failure:
        """Also called for errors that come with status 200."""
        error = at(response.object(), "errors", 0)
        code = text_at(error, "code") or ""
        failure = classify_status(
            response,
            text_at(error, "message") or "",
            code=code or None,
            param=text_at(error, "parameter"),
        )
        if code in CODES:
            return replace(failure, fault=CODES[code])
        if not response.is_success:
            return failure
        is_invalid = code.startswith(INVALID)
        return replace(failure, fault=Fault.INVALID_REQUEST if is_invalid else Fault.SERVER_ERROR)


def _is_ours(item: Any, id: str) -> bool:
    return (text_at(item, "taskUUID") or id) == id


def _image(item: Any) -> RawImage | None:
    inline = text_at(item, "imageBase64Data") or text_at(item, "imageDataURI")
    url = text_at(item, "imageURL")
    if inline is None and url is None:
        return None
    return RawImage(base64=inline, url=None if inline else url, seed=whole_at(item, "seed"))


def _cost(items: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """What all the pictures cost, if each of them says so."""
    costs = [number_at(item, "cost") for item in items]
    known = [cost for cost in costs if cost is not None and cost >= 0]
    return sum(known, Decimal(0)) if known and len(known) == len(costs) else None


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [Runware()]
