"""Hugging Face's router: one token, several backends, each with a body of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    Generated,
    HttpRequest,
    HttpResponse,
    ModelCard,
    OneShot,
    Provider,
    RawImage,
    Task,
    at,
    bearer,
    classify_openai,
    compact,
    fail,
    hookimpl,
    list_at,
    number_at,
    post_json,
    refused,
    text_at,
    whole_at,
)
from routercore_huggingface.models import BACKEND_IDS, CARDS, DEFAULT_BACKEND, EDITING

__all__ = ["HuggingFace"]

PATHS = {
    "hf-inference": "/hf-inference/models/{id}",
    "fal-ai": "/fal-ai/{id}",
    "nscale": "/nscale/v1/images/generations",
    "replicate": "/replicate/v1/models/{id}/predictions",
    "together": "/together/v1/images/generations",
}
OURS = frozenset({"provider_id", "bill_to"})
"""Options that are for this provider, and not for the backend."""
REFUSAL_WORDS = ("nsfw", "flagged", "sensitive")


class HuggingFace(OneShot):
    """The router at router.huggingface.co; a model is a repository, and ``:backend`` behind it."""

    name = "huggingface"
    auth = bearer("HF_TOKEN")
    origins = ("https://router.huggingface.co",)

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def build(self, task: Task) -> HttpRequest:
        repository, _, named = task.model.partition(":")
        backend = named or DEFAULT_BACKEND
        if backend not in PATHS:
            raise fail(Fault.UNSUPPORTED, f"no backend {backend!r}; there are {', '.join(PATHS)}",
                       param="model", only_here=True)  # fmt: skip
        if task.images and backend not in EDITING:
            raise fail(Fault.UNSUPPORTED, f"{backend!r} takes no input image here",
                       param="image", only_here=True)  # fmt: skip
        usual = BACKEND_IDS.get((backend, repository), repository)
        id = str(task.options.get("provider_id", usual))
        request = post_json(task.url(PATHS[backend].format(id=id)), _body(task, backend, id))
        headers = {"x-hf-bill-to": task.options.get("bill_to"),
                   "prefer": "wait" if backend == "replicate" else None}  # fmt: skip
        return request.with_headers(compact(headers))

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        if (response.header("content-type") or "").startswith("image/"):
            return Generated(images=(RawImage(data=response.body),))
        body = response.json()
        if any(flag is True for flag in list_at(body, "has_nsfw_concepts")):
            raise refused("the picture was flagged and blacked out", after_work=True)
        image = _image(body)
        if image is not None:
            return Generated(images=(image,))
        raise _imageless(body)

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        body = response.object()
        if text_at(body, "detail", 0, "type") == "content_policy_violation":
            return replace(failure, fault=Fault.REFUSED, code="content_policy_violation")
        loading = number_at(body, "estimated_time")
        if loading is not None and loading >= 0 and failure.retry_after is None:
            return replace(failure, retry_after=float(loading))
        return failure


def _body(task: Task, backend: str, id: str) -> dict[str, Any]:
    """The request in the words of the backend."""
    options = {name: value for name, value in task.options.items() if name not in OURS}
    plain: dict[str, Any] = {"negative_prompt": task.negative_prompt, "seed": task.seed}
    edges: dict[str, Any] = (
        {"width": task.size.width, "height": task.size.height} if task.size else {}
    )
    text = str(task.size) if task.size else None
    prompt = {"prompt": task.prompt}
    if backend == "hf-inference":
        inputs = task.images[0].base64 if task.images else task.prompt
        parameters = {**(prompt if task.images else {}), **plain, **edges, **options}
        return {"inputs": inputs, "parameters": compact(parameters)}
    if backend == "fal-ai":
        return compact({**prompt, **plain, "image_size": edges or None, **options})
    if backend == "nscale":
        asked = {"size": text, "response_format": "b64_json"}
        return compact({"model": id, **prompt, **asked, **options})
    if backend == "replicate":
        return {"input": compact({**prompt, **plain, **edges, **_guesses(task), **options})}
    form = {"response_format": "base64"}
    return compact({"model": id, **prompt, **form, **plain, **edges, **options})


def _guesses(task: Task) -> dict[str, Any]:
    """An input image under all the names that models at Replicate have for it."""
    if not task.images:
        return {}
    url = task.images[0].data_url
    return {"image": url, "images": [url], "input_image": url, "input_images": [url]}


def _image(body: Any) -> RawImage | None:
    """The picture, wherever a backend may have put it."""
    inline = text_at(body, "data", 0, "b64_json")
    output = at(body, "output")
    url = (
        text_at(body, "images", 0, "url")
        or text_at(body, "data", 0, "url")
        or text_at(output, 0)
        or (output if isinstance(output, str) and output else None)
    )
    if inline is None and url is None:
        return None
    is_inline = inline is not None or (url or "").startswith("data:")
    seed = whole_at(body, "seed")
    return RawImage(base64=inline or url, seed=seed) if is_inline else RawImage(url=url, seed=seed)


def _imageless(body: Any) -> Exception:
    """What became of an answer without a picture; Replicate says it in a success."""
    status, error = text_at(body, "status") or "", text_at(body, "error") or ""
    if status in ("starting", "processing"):
        return fail(Fault.GATEWAY, "the backend is still at work, and cannot be asked again here")
    if any(word in error.lower() for word in REFUSAL_WORDS):
        return refused(error)
    if error:
        return fail(Fault.JOB_FAILED, error)
    return fail(Fault.NO_IMAGE, "the answer has no image")


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [HuggingFace()]
