"""``generateContent``: a prompt and pictures in, parts out, and three ways to refuse in a 200."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from routercore.provider import (
    Charge,
    Failure,
    Fault,
    Flow,
    Generated,
    Header,
    HttpRequest,
    HttpResponse,
    ModelCard,
    OneShot,
    Option,
    ProviderFailed,
    RawImage,
    Task,
    at,
    call,
    compact,
    fail,
    get,
    list_at,
    post_json,
    refused,
    text_at,
)
from routercore_google.accounts import GoogleAuth
from routercore_google.errors import classified
from routercore_google.models import CARDS, VERTEX_CARDS, discovered
from routercore_google.streams import streamed
from routercore_google.tokens import usage

POLICY = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
     "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR"}
)  # fmt: skip
"""Reasons to finish without a picture that are refusals."""
ACCOUNT = frozenset({"ESCALATION", "PUP_LIMITED_DISABLED"})
"""Reasons that lie with the account, whatever the prompt."""

OWN = frozenset({"aspectratio", "imagesize", "candidatecount", "imageconfig", "seed"})
"""What a request has settings for, so that no option may say otherwise; Google takes both
``imageSize`` and ``image_size``."""

TABLES = ("generationConfig", "imageConfig", "generation_config", "image_config")
"""Options that go together with what the request says itself."""
CAMELS = {"generation_config": "generationConfig", "image_config": "imageConfig"}


class Gemini(OneShot):
    """What AI Studio and Vertex AI have in common."""

    cards: ClassVar[Sequence[ModelCard]]
    own_options: ClassVar = dict.fromkeys(TABLES, Option(kinds=(dict,)))

    def catalogue(self) -> Sequence[ModelCard]:
        return self.cards

    def generate(self, task: Task) -> Flow[Generated]:
        if not _streams(task):
            return (yield from super().generate(task))
        return self.made((yield from streamed(task, self.build(task))))

    def build(self, task: Task) -> HttpRequest:
        method = "streamGenerateContent?alt=sse" if _streams(task) else "generateContent"
        return post_json(task.url(f"models/{task.model}:{method}"), self.body(task))

    def body(self, task: Task) -> dict[str, Any]:
        """The options under the request's own settings, which they must not pass by."""
        options = {CAMELS.get(name, name): value for name, value in task.options.items()}
        image = {**_others(options.pop("imageConfig", None)), **self.image_config(task)}
        own = {"responseModalities": ["IMAGE"], "imageConfig": image or None, "seed": task.seed}
        config = {**_others(options.pop("generationConfig", None)), **compact(own)}
        parts: list[dict[str, Any]] = [{"text": task.prompt}]
        for picture in task.images:
            data = {"mimeType": picture.media_type, "data": picture.base64}
            parts.append({"inlineData": data})
        contents = [{"role": "user", "parts": parts}]
        return {**options, "contents": contents, "generationConfig": config}

    def image_config(self, task: Task) -> dict[str, Any]:
        return compact({"aspectRatio": task.aspect_ratio, "imageSize": task.resolution})

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        return self.made(response.json())

    def made(self, body: Any) -> Generated:
        """The pictures of an answer, or why there is none."""
        images = tuple(
            RawImage(base64=data)
            for part in _parts(body)
            if (data := text_at(part, "inlineData", "data")) and not at(part, "thought")
        )
        if not images:
            raise _without_image(body)
        return Generated(images=images, usage=usage(body), model=text_at(body, "modelVersion"))

    def classify(self, response: HttpResponse) -> Failure:
        return classified(response)


class AIStudio(Gemini):
    """The Gemini API, with keys of AI Studio."""

    name = "google"
    auth = Header("GEMINI_API_KEY", name="x-goog-api-key")
    origins = ("https://generativelanguage.googleapis.com/v1beta",)
    cards = CARDS

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]:
        response = yield from call(get(f"{base_url}/models", query={"pageSize": "1000"}))
        return discovered(list_at(response.json(), "models"))


class Vertex(Gemini):
    """Vertex AI, where a picture's format can be chosen.

    The base URL says whose project and which location it is; the default, without either, takes
    API keys alone.
    """

    name = "google-vertex"
    auth = GoogleAuth("GOOGLE_VERTEX_API_KEY")
    origins = ("https://aiplatform.googleapis.com/v1/publishers/google",)
    cards = VERTEX_CARDS

    def image_config(self, task: Task) -> dict[str, Any]:
        format, compression = task.output_format, task.output_compression
        options = compact(
            {
                "mimeType": f"image/{format}" if format else None,
                "compressionQuality": compression if format == "jpeg" else None,
            }
        )
        return {
            **super().image_config(task),
            **({"imageOutputOptions": options} if options else {}),
        }


def _streams(task: Task) -> bool:
    return task.stream and task.card.partial_images > 0


def _without_image(body: Any) -> ProviderFailed:
    """Why there is no picture: a blocked prompt, a filtered result, or an answer in words.

    Google may bill a refused prompt's tokens.
    """
    blocked = text_at(body, "promptFeedback", "blockReason")
    if blocked:
        words = text_at(body, "promptFeedback", "blockReasonMessage") or f"blocked: {blocked}"
        return refused(words, categories=(blocked,), code=blocked, charge=Charge.UNKNOWN)
    reason = text_at(body, "candidates", 0, "finishReason")
    words = " ".join(text for part in _parts(body) if (text := text_at(part, "text")))
    words = text_at(body, "candidates", 0, "finishMessage") or words
    if reason in ACCOUNT:
        return fail(Fault.FORBIDDEN, words or f"finished by {reason}", code=reason)
    if reason in POLICY:
        return refused(words or f"filtered: {reason}", after_work=True, categories=(reason,),
                       code=reason, charge=Charge.UNKNOWN)  # fmt: skip
    if reason == "STOP" and words:
        return refused(words, after_work=True, code=reason, charge=Charge.UNKNOWN)
    return fail(Fault.NO_IMAGE, words or f"no image; finished by {reason}", code=reason)


def _parts(body: Any) -> list[Any]:
    candidates = list_at(body, "candidates")
    return [part for one in candidates for part in list_at(one, "content", "parts")]


def _others(value: Any) -> dict[str, Any]:
    """The entries of an object that a request has no settings for."""
    entries = value.items() if isinstance(value, Mapping) else ()
    return {name: one for name, one in entries if name.replace("_", "").lower() not in OWN}
