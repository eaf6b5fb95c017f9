"""Where Azure differs from OpenAI: its URLs, deployments in place of models, content filters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from routercore.provider import (
    Failure,
    Fault,
    HttpRequest,
    HttpResponse,
    Row,
    Task,
    at,
    fail,
)

NO_RESOURCE = "https://resource.openai.azure.invalid/openai/v1"
"""Stands for the address that every customer has of his own; nothing is sent there."""
FILTERED = frozenset({"content_filter", "contentFilter", "content_policy_violation"})
OWN_OPTIONS = ("deployment", "api_version")


class AzureOpenAI(Row):
    """OpenAI's Images API on Azure, on either of its two surfaces.

    The base URL tells them apart: one that ends in ``/deployments`` is of the older surface, which
    has the deployment in the path and breaks if the body names a model.
    """

    __slots__ = ()

    def build(self, task: Task) -> HttpRequest:
        if task.base_url == NO_RESOURCE:
            raise fail(Fault.UNSUPPORTED, "set base_url, such as "
                       "https://RESOURCE.openai.azure.com/openai/v1", only_here=True)  # fmt: skip
        request = super().build(task)
        url = _root(task) + request.url.removeprefix(task.base_url)
        version = task.options.get("api_version")
        return replace(
            request, url=f"{url}?{urlencode({'api-version': version})}" if version else url
        )

    def body(self, task: Task) -> dict[str, Any]:
        body = super().body(task)
        for option in OWN_OPTIONS:
            body.pop(option, None)
        if _is_older(task):
            del body["model"]
        else:
            body["model"] = _deployment(task)
        return body

    def classify(self, response: HttpResponse) -> Failure:
        failure = super().classify(response)
        error = response.object().get("error")
        inner = at(error, "innererror") or at(error, "inner_error")
        if failure.code not in FILTERED and at(inner, "code") != "ResponsibleAIPolicyViolation":
            return failure
        results = at(inner, "content_filter_results") or at(error, "content_filter_results")
        if failure.fault is not Fault.REFUSED_RESULT:
            failure = replace(failure, fault=Fault.REFUSED)
        return replace(failure, categories=_filtered(results) or failure.categories)


def _is_older(task: Task) -> bool:
    return task.base_url.endswith("/deployments")


def _deployment(task: Task) -> str:
    """The customer's name for the model; the model's own unless configured."""
    return str(task.options.get("deployment") or task.model)


def _root(task: Task) -> str:
    """What the paths of the Images API are appended to."""
    if _is_older(task):
        return f"{task.base_url}/{quote(_deployment(task), safe='')}"
    return task.base_url


def _filtered(results: Any) -> tuple[str, ...]:
    """The categories that a content filter objected to."""
    if not isinstance(results, dict):
        return ()
    return tuple(name for name, result in results.items() if at(result, "filtered") is True)
