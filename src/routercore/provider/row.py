"""A row: an OpenAI-compatible service as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from routercore.provider.auth import Auth
from routercore.provider.classify import classify_openai
from routercore.provider.flow import Flow, call, fail, next_event, open_stream, partial
from routercore.provider.http import (
    HttpRequest,
    HttpResponse,
    Part,
    compact,
    fields,
    get,
    post_form,
    post_json,
)
from routercore.provider.spec import API_VERSION
from routercore.values.catalogue import ModelCard
from routercore.values.faults import Failure, Fault, ProviderFailed
from routercore.values.images import Generated, Operation, RawImage, Task
from routercore.values.money import Usage

PASSED_ON = (
    "quality", "background", "moderation", "style", "output_format", "output_compression",
    "input_fidelity", "complexity", "frame_count", "frame_duration_ms", "svg", "user",
    "safety_identifier", "partial_images",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A service that speaks OpenAI's Images API. A card that accepts a setting has it sent."""

    name: str
    auth: Auth
    origins: tuple[str, ...]
    cards: tuple[ModelCard, ...] = ()
    generations_path: str = "/images/generations"
    edits_path: str = "/images/edits"
    models_path: str | None = "/models"
    image_field: str = "image[]"
    mask_field: str = "mask"
    response_format: str | None = None
    """What to ask for, such as ``b64_json``; ``None`` where the service rejects the field."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of every request."""
    api_version: int = API_VERSION

    def catalogue(self) -> Sequence[ModelCard]:
        return self.cards

    def generate(self, task: Task) -> Flow[Generated]:
        request = self.build(task)
        if task.stream and task.card.partial_images:
            return (yield from self._streamed(request))
        response = yield from call(request)
        return parse_images(response)

    def classify(self, response: HttpResponse) -> Failure:
        return classify_openai(response)

    def build(self, task: Task) -> HttpRequest:
        """The request for a task: JSON to generate, a multipart form to edit."""
        body = self.body(task)
        headers = {"idempotency_key": task.idempotency_key} if task.idempotency_key else {}
        if task.operation is Operation.GENERATE:
            return post_json(task.url(self.generations_path), body, **headers)
        return post_form(task.url(self.edits_path), self._parts(task, body), **headers)

    def body(self, task: Task) -> dict[str, Any]:
        """The fields of the request, without the images."""
        streams = task.stream and task.card.partial_images
        settings = {name: getattr(task, name) for name in PASSED_ON}
        return compact(
            {
                "model": task.model,
                "prompt": task.prompt,
                "n": task.n if task.n > 1 else None,
                "size": str(task.size) if task.size else None,
                "response_format": self.response_format,
                **settings,
                "partial_images": (task.partial_images or 0) if streams else None,
                "stream": True if streams else None,
                **self.extra,
                **task.options,
            }
        )

    def _parts(self, task: Task, body: dict[str, Any]) -> list[Part]:
        parts = fields(_flat(body))
        name = self.image_field if len(task.images) > 1 else self.image_field.removesuffix("[]")
        for image in task.images:
            parts.append(Part(name, image.data, image.filename, image.media_type))
        for label, image_or_none in ((self.mask_field, task.mask), ("markup", task.markup)):
            if image_or_none is not None:
                media_type = image_or_none.media_type
                parts.append(Part(label, image_or_none.data, f"{label}.png", media_type))
        return parts

    def _streamed(self, request: HttpRequest) -> Flow[Generated]:
        head = yield from open_stream(request)
        finals: list[Mapping[str, Any]] = []
        while (event := (yield from next_event())) is not None:
            if event.data == "[DONE]":
                break
            data = event.json()
            if not isinstance(data, dict):
                raise fail(Fault.REPLY_CUT, "an event is not a JSON object")
            kind = str(data.get("type") or event.event)
            if kind.endswith(".partial_image"):
                image = RawImage(base64=data.get("b64_json"))
                yield from partial(int(data.get("partial_image_index") or 0), image)
            elif kind.endswith(".completed"):
                finals.append(data)
            elif "error" in data or kind == "error":
                raise ProviderFailed(self.classify(_as_error(head, event.data)))
        if not finals and head.body:
            return parse_images(head)  # It did not stream after all.
        return generated_from({**(finals[-1] if finals else {}), "data": finals})

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]:
        """The models that ``GET /models`` lists, declared where known and bare where not."""
        if self.models_path is None:
            return self.cards
        response = yield from call(get(f"{base_url}{self.models_path}"))
        listed = response.object().get("data")
        ids = [str(m["id"]) for m in listed or () if isinstance(m, dict) and "id" in m]
        known = {card.id: card for card in self.cards}
        return [known.get(id) or ModelCard(id=id) for id in ids]


def parse_images(response: HttpResponse) -> Generated:
    """Read an answer of the Images API; url and base64 are taken as they come, item by item."""
    body = response.object()
    if "error" in body and not body.get("data"):
        raise ProviderFailed(classify_openai(response))
    return generated_from(body)


def generated_from(body: Mapping[str, Any]) -> Generated:
    """Read the body of an answer of the Images API."""
    data = body.get("data")
    items = [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
    images = tuple(image for item in items if (image := _image(item)) is not None)
    if not images:
        raise fail(Fault.NO_IMAGE, "the answer has no image")
    return Generated(
        images=images,
        usage=_usage(body.get("usage")),
        size=_word(body.get("size")),
        quality=_word(body.get("quality")),
        background=_word(body.get("background")),
        safety_identifier=_word(body.get("safety_identifier")),
    )


def _image(item: Mapping[str, Any]) -> RawImage | None:
    revised = _word(item.get("revised_prompt"))
    for key in ("b64_json", "url"):
        value = item.get(key)
        if isinstance(value, str) and value:
            if key == "url" and not value.startswith("data:"):
                return RawImage(url=value, revised_prompt=revised)
            return RawImage(base64=value, revised_prompt=revised)
    return None


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    inputs = value.get("input_tokens_details") or {}
    outputs = value.get("output_tokens_details") or {}
    total_in, total_out = _count(value.get("input_tokens")), _count(value.get("output_tokens"))
    image_in, text_out = _count(inputs.get("image_tokens")), _count(outputs.get("text_tokens"))
    if not total_in and not total_out:
        return None
    return Usage(
        text_in=total_in - image_in,
        image_in=image_in,
        text_out=text_out,
        image_out=total_out - text_out,
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as bracketed names, ``svg[model]``, the way the official SDKs send them."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}[{name}]" if prefix else name
        flat.update(_flat(value, key) if isinstance(value, Mapping) else {key: value})
    return flat


def _as_error(head: HttpResponse, data: str) -> HttpResponse:
    """An error event as the response it would have been."""
    return HttpResponse(status=400, headers=head.headers, body=data.encode(), loads=head.loads)
