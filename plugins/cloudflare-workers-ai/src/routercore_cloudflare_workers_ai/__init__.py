"""Cloudflare's Workers AI: one path a model, and answers in bytes or in an envelope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from routercore.provider import (
    Failure,
    Fault,
    FixedSizes,
    Generated,
    HttpRequest,
    HttpResponse,
    ModelCard,
    OneShot,
    Option,
    Part,
    Provider,
    ProviderFailed,
    RawImage,
    Task,
    at,
    bearer,
    classify_status,
    compact,
    fail,
    fields,
    hookimpl,
    list_at,
    post_form,
    post_json,
    text_at,
    whole_at,
)
from routercore_cloudflare_workers_ai.models import CARDS, FORMS

__all__ = ["WorkersAI"]

CODES = {
    3007: Fault.REQUEST_TIMEOUT,
    3030: Fault.REFUSED,
    3036: Fault.QUOTA,
    3040: Fault.OVERLOADED,
    3042: Fault.MODEL_NOT_FOUND,
    4006: Fault.QUOTA,
    5007: Fault.MODEL_NOT_FOUND,
    10000: Fault.UNAUTHENTICATED,
}
"""Codes that say more than the status they come with: 429 is both no credit and no capacity."""


class WorkersAI(OneShot):
    """The API at api.cloudflare.com; which account pays is part of the path."""

    name = "cloudflare-workers-ai"
    auth = bearer("CLOUDFLARE_API_TOKEN")
    origins = ("https://api.cloudflare.com/client/v4",)
    own_options: ClassVar = {"account_id": Option()}

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        url = task.url(f"{_account(task)}/ai/run/{task.model}")
        options = {name: value for name, value in task.options.items() if name != "account_id"}
        # A model of one size takes none.
        size = None if isinstance(task.card.sizes, FixedSizes) else task.size
        settings = {
            "prompt": task.prompt,
            "negative_prompt": task.negative_prompt,
            "width": size and size.width,
            "height": size and size.height,
            "seed": task.seed,
        }
        if FORMS in task.model:
            return post_form(url, [*fields({**settings, **options}), *_files(task)])
        return post_json(url, compact({**settings, **_pictures(task), **options}))

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        if (response.header("content-type") or "").startswith("image/"):
            return Generated(images=(RawImage(data=response.body),))
        body = response.json()
        image = text_at(body, "result", "image") or text_at(body, "image")
        if image is not None:
            return Generated(images=(RawImage(base64=image),))
        if list_at(body, "errors"):
            raise ProviderFailed(self.classify(response))
        raise fail(Fault.NO_IMAGE, "the answer has no image")

    def classify(self, response: HttpResponse) -> Failure:
        """Also called for errors that come with status 200."""
        error = at(response.object(), "errors", 0)
        code = whole_at(error, "code")
        failure = classify_status(
            response,
            text_at(error, "message") or "",
            code=str(code) if code is not None else None,
        )
        if code in CODES:
            return replace(failure, fault=CODES[code])
        return replace(failure, fault=Fault.SERVER_ERROR) if response.is_success else failure


def _account(task: Task) -> str:
    """The part of the path that names the account, unless the base URL has it."""
    if "/accounts/" in task.base_url:
        return ""
    account = task.options.get("account_id")
    if not isinstance(account, str) or not account.isalnum():
        raise fail(Fault.INVALID_REQUEST, "Workers AI needs the option 'account_id'",
                   param="account_id", only_here=True)  # fmt: skip
    return f"/accounts/{account}"


def _pictures(task: Task) -> dict[str, Any]:
    """Input pictures in JSON; a mask can only be sent as a list of bytes."""
    return {
        "image_b64": task.images[0].base64 if task.images else None,
        "mask": list(task.mask.data) if task.mask is not None else None,
    }


def _files(task: Task) -> list[Part]:
    return [
        Part(f"input_image_{number}", image.data, image.filename, image.media_type)
        for number, image in enumerate(task.images)
    ]


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [WorkersAI()]
