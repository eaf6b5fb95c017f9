"""A row: an OpenAI-compatible service as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

from routercore.provider.auth import Auth
from routercore.provider.chat import FIELDS as CHAT_FIELDS
from routercore.provider.chat import as_chat_images, chat_body, unsent_by_chat
from routercore.provider.classify import classify_openai
from routercore.provider.flow import Flow, call, fail, next_event, open_stream, partial
from routercore.provider.http import (
    HttpRequest,
    HttpResponse,
    Part,
    ServerEvent,
    compact,
    fields,
    file_part,
    get,
    post_form,
    post_json,
)
from routercore.provider.images_api import as_cost, as_images, as_object, as_raw_image, count
from routercore.provider.options import Option, wrong_options
from routercore.provider.reading import date_at, list_at
from routercore.provider.spec import API_VERSION
from routercore.values.catalogue import WILDCARD, ModelCard
from routercore.values.faults import Charge, Failure, Fault, ProviderFailed
from routercore.values.images import Generated, Operation, Task
from routercore.values.sizes import RatioSizes

PASSED_ON = (
    "quality", "background", "moderation", "style", "output_format", "output_compression",
    "input_fidelity", "complexity", "frame_count", "frame_duration_ms", "svg", "user",
    "safety_identifier",
)  # fmt: skip
UNKNOWN_TO_OPENAI = ("seed", "negative_prompt", "aspect_ratio", "resolution")
"""Settings that OpenAI's API has no field for; a row says how its service calls them."""
ERROR_FIELDS = frozenset({"message", "detail", "code"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A service that speaks OpenAI's Images API. A card that accepts a setting has it sent.

    Where a service differs, a subclass overrides ``body``, ``cost``, ``classify`` or
    ``discovered``.
    """

    name: str
    auth: Auth
    origins: tuple[str, ...]
    cards: tuple[ModelCard, ...] = ()
    generations_path: str = "/images/generations"
    edits_path: str = "/images/edits"
    chat_path: str = "/chat/completions"
    """For cards that are ``by_chat``."""
    models_path: str | None = "/models"
    """Relative to the base URL, also with ``../``; ``None`` where nothing lists the models."""
    lists_other_models: bool = False
    """Whether the list also has models that make no images; silent entries are then left out."""
    image_field: str = "image"
    """The form's field for one input image."""
    images_field: str = "image[]"
    """The form's field, repeated, for several."""
    mask_field: str = "mask"
    response_format: str | None = None
    """What to ask for, such as ``b64_json``; ``None`` where the service rejects the field."""
    reports_cost: bool = False
    """Whether ``cost`` in an answer is what was charged, in US dollars."""
    failures_are_free: bool = False
    """Whether the service says that it bills no request to which it answers with an error."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of every request."""
    setting_fields: Mapping[str, str | None] = field(default_factory=dict)
    """How the service calls a setting that OpenAI lacks, or calls otherwise, by the setting's
    name: ``{"seed": "random_seed"}``. ``None`` where a subclass sends it in a way of its own."""
    own_options: Mapping[str, Option] = field(default_factory=dict)
    """What a subclass reads of a task's options itself; all others are the service's."""
    api_version: int = API_VERSION

    def __post_init__(self) -> None:
        if strange := self.setting_fields.keys() - {*PASSED_ON, *UNKNOWN_TO_OPENAI}:
            raise ValueError(f"setting_fields has what is no setting: {', '.join(sorted(strange))}")
        for card in self.cards:
            if unsent := self.unsent(card):
                raise ValueError(
                    f"card {card.id!r} of the row {self.name!r} declares {', '.join(unsent)}, "
                    f"which would not be sent; say in setting_fields how the service calls it"
                )

    def catalogue(self) -> Sequence[ModelCard]:
        return self.cards

    def wrong_options(self, options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What a configuration gives for ``own_options`` and cannot be right."""
        return wrong_options(self.own_options, options)

    def unsent(self, card: ModelCard) -> tuple[str, ...]:
        """What a card declares to be honoured, and the row has no field for."""
        if card.by_chat:
            return unsent_by_chat(card, self._chat_fields())
        rules = (card.sizes, *card.operation_sizes.values())
        ratios = [rule for rule in rules if isinstance(rule, RatioSizes)]
        declared = {
            "seed": card.seed,
            "negative_prompt": card.negative_prompt,
            "aspect_ratio": bool(ratios),
            "resolution": any(rule.tiers for rule in ratios),
        }
        return tuple(n for n in UNKNOWN_TO_OPENAI if declared[n] and n not in self.setting_fields)

    def generate(self, task: Task) -> Flow[Generated]:
        if task.card.by_chat:
            return self._parse_chat(task, (yield from call(self._build_chat(task))))
        request = self.build(task)
        if _streams(task):
            return (yield from self._streamed(task, request))
        response = yield from call(request)
        return self.parse(task, response)

    def classify(self, response: HttpResponse) -> Failure:
        """Also called for errors that come with status 200, in a body or in a stream."""
        failure = classify_openai(response)
        return replace(failure, charge=Charge.NONE) if self.failures_are_free else failure

    def build(self, task: Task) -> HttpRequest:
        """The request for a task: JSON to generate, a multipart form to edit."""
        body = self.body(task)
        if task.operation is Operation.GENERATE:
            request = post_json(task.url(self.generations_path), body)
        else:
            request = post_form(task.url(self.edits_path), self._parts(task, body))
        return self._keyed(task, request)

    def _keyed(self, task: Task, request: HttpRequest) -> HttpRequest:
        if not task.idempotency_key:
            return request
        return request.with_headers({"idempotency-key": task.idempotency_key})

    def body(self, task: Task) -> dict[str, Any]:
        """The fields of the request, without the images."""
        streams = _streams(task)
        names = {**dict(zip(PASSED_ON, PASSED_ON, strict=True)), **self.setting_fields}
        return compact(
            {
                "model": task.model,
                "prompt": task.prompt,
                "n": task.n if task.n > 1 else None,
                "size": str(task.size) if task.size else None,
                "response_format": self.response_format,
                **{name: getattr(task, setting) for setting, name in names.items() if name},
                "partial_images": (task.partial_images or 0) if streams else None,
                "stream": True if streams else None,
                **self.extra,
                **task.options,
            }
        )

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        """Read an answer of the Images API; url and base64 are taken as they come, item by item."""
        body = as_object(response.json, "the answer")
        if not body.get("data") and _is_error(body):
            raise ProviderFailed(self.classify(response))
        return self._images(task, body)

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]:
        """The models that the service lists, as :meth:`discovered` declares each of them."""
        if self.models_path is None:
            return self.cards
        path = self.models_path.lstrip("/")
        response = yield from call(get(urljoin(f"{base_url}/", path)))
        cards = [self.discovered(entry) for entry in listed(response)]
        return [card for card in cards if card is not None]

    def discovered(self, entry: Mapping[str, Any]) -> ModelCard | None:
        """The card of one entry of the service's list, or ``None`` if it is not offered.

        Declared models keep their cards, but for a last day that the list knows better; others
        take after the wildcard card, if there is one.
        """
        id = str(entry["id"])
        for card in self.cards:
            if card.id == id:
                last_day = date_at(entry, "shutdown_date")
                return replace(card, shutdown=last_day) if last_day else card
        makes_images = _makes_images(entry)
        if makes_images is False or (makes_images is None and self.lists_other_models):
            return None
        return next((card.named(id) for card in self.cards if card.id == WILDCARD), None)

    def cost(self, body: Mapping[str, Any]) -> Decimal | None:
        """What an answer, or the last event of a stream, says was charged, in US dollars."""
        return as_cost(body.get("cost")) if self.reports_cost else None

    def _chat_fields(self) -> Mapping[str, str | None]:
        """Settings that are sent beside the messages; ratio and tier have a place of their own."""
        shape = ("aspect_ratio", "resolution")
        own = {name: to for name, to in self.setting_fields.items() if to and name not in shape}
        return {**CHAT_FIELDS, **own}

    def _build_chat(self, task: Task) -> HttpRequest:
        body = {**chat_body(task, self._chat_fields()), **self.extra, **task.options}
        return self._keyed(task, post_json(task.url(self.chat_path), body))

    def _parse_chat(self, task: Task, response: HttpResponse) -> Generated:
        body = as_object(response.json, "the answer")
        if not body.get("choices") and _is_error(body):
            raise ProviderFailed(self.classify(response))
        images = as_chat_images(body, url_lifetime=task.card.url_lifetime)
        return replace(images, cost_usd=self.cost(body))

    def _images(self, task: Task, body: Mapping[str, Any]) -> Generated:
        images = as_images(body, url_lifetime=task.card.url_lifetime)
        return replace(images, cost_usd=self.cost(body))

    def _parts(self, task: Task, body: dict[str, Any]) -> list[Part]:
        parts = fields(_flat(body))
        name = self.images_field if len(task.images) > 1 else self.image_field
        for image in task.images:
            parts.append(file_part(name, image))
        for label, overlay in ((self.mask_field, task.mask), ("markup", task.markup)):
            if overlay is not None:
                parts.append(file_part(label, overlay))
        return parts

    def _streamed(self, task: Task, request: HttpRequest) -> Flow[Generated]:
        head = yield from open_stream(request)
        finals: list[Generated] = []
        failure: Failure | None = None
        try:
            yield from self._read_events(task, head, finals)
        except (ProviderFailed, ValueError) as error:
            if not finals:  # What is complete is paid for, and stays.
                raise
            failure = error.failure if isinstance(error, ProviderFailed) else None
        if finals:
            return replace(_joined(finals), failure=failure)
        if head.body:
            return self.parse(task, head)  # The service does not stream after all.
        raise fail(Fault.REPLY_CUT, "the stream ended before a final image")

    def _read_events(self, task: Task, head: HttpResponse, finals: list[Generated]) -> Flow[None]:
        """Tell of partial images, and collect the final ones."""
        has_begun = False
        while (event := (yield from next_event())) is not None:
            if event.data == "[DONE]":
                break
            data = as_object(event.json, "an event")
            kind = str(data.get("type") or event.event)
            if data.get("error") or kind == "error":
                failure = self.classify(_as_answer(head, event))
                raise ProviderFailed(_amid_work(failure) if has_begun else failure)
            if kind.endswith(".partial_image") and (image := as_raw_image(data)) is not None:
                has_begun = True
                yield from partial(count(data, "partial_image_index"), image)
            elif kind.endswith(".completed"):
                finals.append(self._images(task, {**data, "data": [data]}))


def _amid_work(failure: Failure) -> Failure:
    """A failure after a picture was seen: the work was done, and may be billed whatever it is."""
    failure = replace(failure, charge=failure.charge or Charge.UNKNOWN)
    if failure.fault is not Fault.REFUSED:
        return failure
    return replace(failure, fault=Fault.REFUSED_RESULT, stage="output")


def listed(response: HttpResponse) -> list[Mapping[str, Any]]:
    """The entries of a model list, each with its ``id``.

    OpenAI gives an object with ``data``, others a bare list, or an object keyed by id.
    """
    body = response.json()
    entries = body.get("data", body) if isinstance(body, dict) else body
    if isinstance(entries, dict):
        entries = [{"id": id, **entry} for id, entry in entries.items() if isinstance(entry, dict)]
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict) and entry.get("id")]


def _is_error(body: Mapping[str, Any]) -> bool:
    """Whether a body without images says what went wrong, with or without the envelope."""
    return bool(body.get("error")) or ("data" not in body and not ERROR_FIELDS.isdisjoint(body))


def _makes_images(entry: Mapping[str, Any]) -> bool | None:
    """Whether a listed model makes images, or ``None`` where the list does not say."""
    for path in (("architecture", "output_modalities"), ("output_modalities",), ("output",)):
        if outputs := list_at(entry, *path):
            return "image" in outputs
    return None


def _streams(task: Task) -> bool:
    return task.stream and task.card.partial_images_of(task.output_format) > 0


def _joined(finals: Sequence[Generated]) -> Generated:
    """One result of a stream in which each image came in an event of its own."""
    usages = [final.usage for final in finals if final.usage is not None]
    return replace(
        finals[-1],
        images=tuple(image for final in finals for image in final.images),
        usage=sum(usages[1:], usages[0]) if usages else None,
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as bracketed names, ``svg[model]``, the way the official SDKs send them."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}[{name}]" if prefix else name
        flat.update(_flat(value, key) if isinstance(value, Mapping) else {key: value})
    return flat


def _as_answer(head: HttpResponse, event: ServerEvent) -> HttpResponse:
    """An error event as an answer: there is no error status, so its words have to decide."""
    return replace(head, body=event.data.encode())
