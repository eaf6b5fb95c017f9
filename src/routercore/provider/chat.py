"""Images by way of chat completions, at services that offer some of their models only there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Never

from routercore.provider.flow import fail, refused
from routercore.provider.http import compact
from routercore.provider.images_api import as_usage, generated
from routercore.provider.reading import at, list_at, text_at
from routercore.values.catalogue import ModelCard
from routercore.values.faults import Fault
from routercore.values.images import Generated, Operation, RawImage, Task
from routercore.values.sizes import FixedSizes, InputSize, RatioSizes

FIELDS: Mapping[str, str] = {
    "seed": "seed", "user": "user", "safety_identifier": "safety_identifier",
}  # fmt: skip
"""Settings that chat completions have a field for, and its name."""
REFUSALS = frozenset(
    {"content_filter", "safety", "image_safety", "prohibited_content", "image_prohibited_content",
     "blocklist", "spii"}
)  # fmt: skip
"""Reasons to finish without the picture: OpenAI's word, and Google's, which gateways pass on."""
ENDS = "\"'()<> \t\r\n"
"""What cannot be in a URL inside a text."""
_DATA_URL = "data:image/"
_URL = re.compile(r"https?://[^\s\"'()<>\[\]?]+(?:\?[^\s\"'()<>]*)?")
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg")


def chat_body(task: Task, fields: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields of a request.

    Args:
        task: what is to be made; its pictures go along with the prompt.
        fields: settings that are sent at the top, and what they are called there.
    """
    shape = {"aspect_ratio": task.aspect_ratio, "image_size": task.resolution}
    return compact(
        {
            "model": task.model,
            "messages": [{"role": "user", "content": _content(task)}],
            "modalities": ["text", "image"],
            "image_config": compact(shape) or None,
            **{name: getattr(task, setting) for setting, name in fields.items() if name},
        }
    )


def _content(task: Task) -> str | list[dict[str, Any]]:
    if not task.images:
        return task.prompt
    pictures = [{"type": "image_url", "image_url": {"url": one.data_url}} for one in task.images]
    return [{"type": "text", "text": task.prompt}, *pictures]


def unsent_by_chat(card: ModelCard, fields: Mapping[str, str | None]) -> tuple[str, ...]:
    """What a card declares to be honoured, and chat has no place for."""
    is_fixed = isinstance(card.sizes, RatioSizes | InputSize) or (
        isinstance(card.sizes, FixedSizes) and len(card.sizes.sizes) == 1
    )
    declared = {
        "size": not is_fixed,
        "n": card.max_n > 1,
        "mask": card.mask is not None or Operation.INPAINT in card.operations,
        "partial_images": card.partial_images > 0,
        "quality": bool(card.qualities),
        "output_format": card.choose_format and len(card.formats) > 1,
        "output_compression": card.compression,
        "background": bool(card.backgrounds),
        "seed": card.seed,
        "negative_prompt": card.negative_prompt,
        **dict.fromkeys(card.accepts, True),
    }
    return tuple(name for name, is_there in declared.items() if is_there and name not in fields)


def as_chat_images(body: Mapping[str, Any], url_lifetime: float | None = None) -> Generated:
    """Read the body of an answer.

    Services put a picture into ``message.images``, among the parts of the content, or into its
    text: as Markdown, as a ``data:`` URL or as a plain one.

    Raises:
        ProviderFailed: there is no image; with the words that came instead.
    """
    messages = [at(choice, "message") for choice in list_at(body, "choices")]
    found = [one for message in messages for one in _pictures(message)]
    if not found:
        _explain(body)
    return generated(
        (_raw(one, url_lifetime) for one in dict.fromkeys(found)),
        usage=as_usage(body.get("usage")),
        model=text_at(body, "model"),
    )


def _pictures(message: Any) -> list[str]:
    """URLs or base64, from the first place that has any."""
    content = at(message, "content")
    return (
        [*_in_parts(list_at(message, "images"))]
        or [*_in_parts(content if isinstance(content, list) else [])]
        or [*_in_text(content if isinstance(content, str) else "")]
    )


def _in_parts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        paths = (("image_url", "url"), ("image_url",), ("url",), ("b64_json",))
        inside = next((text for path in paths if (text := text_at(part, *path))), None)
        if inside is not None:
            yield inside
        elif text := text_at(part, "text"):
            yield from _in_text(text)


def _in_text(text: str) -> Iterator[str]:
    """Pictures in a text. It may be megabytes, so it is searched, not matched."""
    found = [*_in_markdown(text)] or [*_data_urls(text)]
    if not found and len(text) < 100_000:
        found = [*_picture_urls(text)]
    alone = text.strip()
    if not found and alone.startswith(("https://", "http://")) and len(alone.split()) == 1:
        found = [alone]
    yield from found


def _in_markdown(text: str) -> Iterator[str]:
    """The targets of ``![words](target)``."""
    start = text.find("![")
    while start >= 0:
        opened = text.find("](", start)
        closed = text.find(")", opened)
        if opened < 0 or closed < 0:
            return
        if target := text[opened + 2 : closed].strip(" <>").partition(" ")[0]:
            yield target
        start = text.find("![", closed)


def _data_urls(text: str) -> Iterator[str]:
    """Each is searched for its end no further than the next begins: there may be many."""
    start = text.find(_DATA_URL)
    while start >= 0:
        following = text.find(_DATA_URL, start + 1)
        stop = following if following >= 0 else len(text)
        ends = (text.find(sign, start, stop) for sign in ENDS)
        yield text[start : min((one for one in ends if one >= 0), default=stop)]
        start = following


def _picture_urls(text: str) -> Iterator[str]:
    for match in _URL.finditer(text):
        url = match[0].rstrip(".,;:!*")
        if url.endswith(_ENDINGS) or url.partition("?")[0].endswith(_ENDINGS):
            yield url


def _raw(found: str, url_lifetime: float | None) -> RawImage:
    if found.startswith(("https://", "http://")):
        return RawImage(url=found, expires_in=url_lifetime)
    return RawImage(base64=found)


def _explain(body: Mapping[str, Any]) -> Never:
    """Tell a refusal from an answer in words alone."""
    choice = at(body, "choices", 0)
    reasons = (text_at(choice, "native_finish_reason"), text_at(choice, "finish_reason"))
    words = text_at(choice, "message", "content") or ""
    if declined := text_at(choice, "message", "refusal"):
        raise refused(declined[:500])
    if stopped := next((one for one in reasons if one and one.lower() in REFUSALS), None):
        raise refused(words[:500] or f"it was stopped: {stopped}", after_work=True)
    said = f", but says: {words[:300]}" if words else ""
    raise fail(Fault.NO_IMAGE, f"the answer has no image{said}")
