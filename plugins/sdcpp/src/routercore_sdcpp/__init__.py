"""The server of stable-diffusion.cpp, by its own API: jobs over the one model it started with.

Fields: examples/server/api.md of leejet/stable-diffusion.cpp, read on 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from routercore.provider import (
    WILDCARD,
    AnySize,
    Flow,
    Form,
    Generated,
    HttpRequest,
    HttpResponse,
    Job,
    JobState,
    JobStatus,
    MaskPolarity,
    ModelCard,
    Operation,
    Option,
    Provider,
    RawImage,
    Task,
    at,
    bearer,
    call,
    compact,
    generated,
    get,
    hookimpl,
    list_at,
    named_job,
    post_json,
    text_at,
    usd,
    whole_at,
)

__all__ = ["StableDiffusionCpp"]

LOADED = ModelCard(
    id="sd-cpp-local",
    operations=frozenset(Operation),
    sizes=AnySize(),
    formats=("png", "jpeg", "webp"),
    compression=True,
    forms=(Form.BASE64,),
    max_n=8,
    max_images=4,
    mask=MaskPolarity.WHITE,
    seed=True,
    negative_prompt=True,
    latency=30.0,
    prices=(usd("0"),),
    price_source="local",
    unverified=frozenset({"sizes", "formats", "max_n", "max_images", "mask", "latency"}),
)
"""Whatever the server was started with; it ignores the name of a model."""
STATES = {
    "completed": JobState.DONE,
    "failed": JobState.FAILED,
    "cancelled": JobState.FAILED,
}


class StableDiffusionCpp(Job):
    """A server of one's own, which works on one job after another."""

    name = "sdcpp"
    auth = bearer("SDCPP_API_KEY", optional=True)
    origins = ("http://127.0.0.1:1234",)
    own_options: ClassVar = {"strength": Option(kinds=(float,))}
    poll_every = 0.5

    def catalogue(self) -> Sequence[ModelCard]:
        return (LOADED, replace(LOADED, id=WILDCARD, name=WILDCARD))

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]:
        """The one model, with as many pictures a call as this server makes."""
        response = yield from call(get(_native(base_url, "capabilities")))
        most = whole_at(response.json(), "limits", "max_batch_count")
        return [replace(LOADED, max_n=most) if most and most > 0 else LOADED]

    def build(self, task: Task) -> HttpRequest:
        body = {
            "prompt": task.prompt,
            "negative_prompt": task.negative_prompt,
            "width": task.width,
            "height": task.height,
            "seed": task.seed,
            "batch_count": task.n,
            "output_format": task.output_format,
            "output_compression": task.output_compression,
            **_inputs(task),
            **task.options,
        }
        return post_json(_native(task.base_url, "img_gen"), compact(body))

    def handle(self, task: Task, response: HttpResponse) -> Mapping[str, Any]:
        job = named_job(response, "id")
        home = _native(task.base_url, f"jobs/{job}")
        return {"id": job, "poll": home, "cancel": f"{home}/cancel"}

    def status(self, response: HttpResponse) -> JobStatus:
        body = response.object()
        word = text_at(body, "status") or ""
        ahead = whole_at(body, "queue_position")
        why = text_at(body, "error", "message") or (f"{word}, {ahead} ahead" if ahead else word)
        code = text_at(body, "error", "code")
        return JobStatus(STATES.get(word, JobState.PENDING), why, code=code)

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        yield from call(post_json(handle["cancel"], {}, billable=False), raw=True)

    def parse(self, task: Task, handle: Mapping[str, Any], response: HttpResponse) -> Generated:
        found = [text_at(one, "b64_json") for one in list_at(response.json(), "result", "images")]
        return generated(RawImage(base64=data) for data in found if data)


def _native(base_url: str, path: str) -> str:
    """A path of the server's own API, also where the address is that of its copy of OpenAI's."""
    return f"{base_url.removesuffix('/v1')}/sdcpp/v1/{path}"


def _inputs(task: Task) -> dict[str, Any]:
    """Pictures to start from where a mask or a strength says how far; references elsewhere."""
    pictures = [image.base64 for image in task.images]
    if task.mask is not None:
        return {"init_image": pictures[0], "mask_image": task.mask.base64,
                "ref_images": pictures[1:] or None}  # fmt: skip
    if pictures and at(task.options, "strength") is not None:
        return {"init_image": pictures[0], "ref_images": pictures[1:] or None}
    return {"ref_images": pictures or None}


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    """The providers of this plugin."""
    return [StableDiffusionCpp()]
