"""Reads answers of OpenAI's Images API, as loosely as the services that copy it write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from routercore.provider.flow import fail
from routercore.provider.reading import at, list_at, number_at, text_at
from routercore.values.faults import Charge, Fault
from routercore.values.images import Generated, RawImage
from routercore.values.money import SvgUsage, Usage


def as_object(load: Callable[[], Any], what: str) -> Mapping[str, Any]:
    """What ``load`` reads, if it is a JSON object; a ``reply_cut`` failure if it is not."""
    try:
        value = load()
    except ValueError:
        raise fail(Fault.REPLY_CUT, f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise fail(Fault.REPLY_CUT, f"{what} is not a JSON object")
    return value


def as_images(body: Mapping[str, Any], *, url_lifetime: float | None = None) -> Generated:
    """Read the body of an answer; all but an image is optional.

    Raises:
        ProviderFailed: there is no image.
    """
    return generated(
        (as_raw_image(item, url_lifetime) for item in list_at(body, "data")),
        usage=as_usage(body.get("usage")),
        svg_usage=as_svg_usage(body.get("svg_usage")),
        size=text_at(body, "size"),
        quality=text_at(body, "quality"),
        background=text_at(body, "background"),
        model=text_at(body, "model"),
        safety_identifier=text_at(body, "safety_identifier"),
    )


def generated(images: Iterable[RawImage | None], *, withheld: bool = False,
              missing: str = "the answer has no image", **details: Any) -> Generated:  # fmt: skip
    """What a flow returns, of the images that there are.

    Args:
        images: read from the answer; ``None`` stands for one that is missing or unusable.
        withheld: whether it was policy that took away what is missing.
        missing: what to say where there is none at all.
        details: further fields of :class:`~routercore.values.images.Generated`.

    Raises:
        ProviderFailed: there is no image; the work was done.
    """
    there = tuple(image for image in images if image is not None)
    if not there and withheld:
        raise fail(Fault.REFUSED_RESULT, "every picture was withheld", charge=Charge.UNKNOWN)
    if not there:
        raise fail(Fault.NO_IMAGE, missing)
    return Generated(images=there, **details)


def as_raw_image(item: Any, url_lifetime: float | None = None) -> RawImage | None:
    """Read one item; base64 is preferred, because it needs no further exchange."""
    revised = text_at(item, "revised_prompt")
    inline, url = text_at(item, "b64_json"), text_at(item, "url")
    if url is not None and url.startswith("data:"):
        inline = inline or url
    if inline is not None:
        return RawImage(base64=inline, revised_prompt=revised)
    if url is not None:
        return RawImage(url=url, expires_in=url_lifetime, revised_prompt=revised)
    return None


def as_usage(value: Any) -> Usage | None:
    """Read counted tokens, also under the names of chat; ``None`` where nothing was counted."""
    total_in = count(value, "input_tokens") or count(value, "prompt_tokens")
    total_out = count(value, "output_tokens") or count(value, "completion_tokens")
    image_in = count(value, "input_tokens_details", "image_tokens")
    text_out = count(value, "output_tokens_details", "text_tokens")
    if image_out := count(value, "completion_tokens_details", "image_tokens"):
        text_out = max(0, total_out - image_out)
    if not total_in and not total_out:
        return None
    return Usage(
        text_in=max(0, total_in - image_in),
        image_in=image_in,
        text_out=text_out,
        image_out=max(0, total_out - text_out),
    )


def as_svg_usage(value: Any) -> SvgUsage | None:
    """Read what a drawing took; ``None`` where nothing was counted."""
    kinds = ("input_tokens", "output_tokens", "reasoning_tokens", "total_tokens")
    counted = {kind: count(value, kind) for kind in kinds}
    if not any(counted.values()):
        return None
    total = counted["total_tokens"] or counted["input_tokens"] + counted["output_tokens"]
    return SvgUsage(model=text_at(value, "model") or "", **{**counted, "total_tokens": total})


def as_cost(value: Any) -> Decimal | None:
    """Read an amount of US dollars; ``None`` for anything that is none."""
    amount = number_at(value)
    return amount if amount is not None and amount >= 0 else None


def count(value: Any, *path: str) -> int:
    """The natural number at ``path``, or 0 where there is none."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0
