"""A result as the Images API answers it, with what this router adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from routercore.engine.jsons import dumps
from routercore.server.faults import Redactor, failure_body, made
from routercore.server.replies import Part, json_with
from routercore.values.images import Image, ImageRequest, ImageResult, Warning
from routercore.values.money import Usage

MAX_HEADER = 512
NO_TOKENS = Usage()


def answer_parts(
    result: ImageResult,
    request: ImageRequest,
    urls: Sequence[str | None],
    redactor: Redactor,
    *,
    inline: bool,
) -> list[Part]:
    """The body of an answer: ``urls`` beside each image, and base64 where ``inline``."""
    parts: list[Part] = [dumps(_facts(result, request, redactor))[:-1], b',"data":[']
    for number, (image, url) in enumerate(zip(result.images, urls, strict=True)):
        item = {**_item(image, url), **maker_of(image, result)}
        parts += [b","] if number else []
        parts += json_with(item, b64_json=image.data) if inline else [dumps(item)]
    return [*parts, b"]}"]


def _item(image: Image, url: str | None) -> dict[str, Any]:
    item = {
        "url": url,
        "revised_prompt": image.revised_prompt,
        "seed": image.seed,
        "size": str(image.size) if image.size else None,
        "output_format": image.format,
    }
    return {name: value for name, value in item.items() if value is not None}


def _targets(result: ImageResult) -> list[str]:
    """Who made the images, in their order."""
    return [*dict.fromkeys(image.target or result.target for image in result.images)]


def _names(result: ImageResult, part: int) -> str:
    """The providers, or the models, of all targets that made images."""
    return ",".join(dict.fromkeys(one.partition(":")[part] for one in _targets(result)))


def maker_of(image: Image, result: ImageResult) -> dict[str, Any]:
    """Who made an image, where not all are of one."""
    if len(_targets(result)) < 2:
        return {}
    return {"target": image.target or result.target}


def _facts(result: ImageResult, request: ImageRequest, redactor: Redactor) -> dict[str, Any]:
    """Everything of an answer besides its images."""
    facts: dict[str, Any] = {"created": int(result.created.timestamp()), **shape_of(result)}
    if result.usage is not None:
        facts["usage"] = usage_body(result.usage)
    if result.svg_usage is not None:
        facts["svg_usage"] = asdict(result.svg_usage)
    if result.safety_identifier is not None:
        facts["safety_identifier"] = result.safety_identifier
    return {**facts, **extras(result, request, redactor)}


def shape_of(result: ImageResult) -> dict[str, Any]:
    """Format, size, quality and background as delivered; what nobody knows is left out."""
    first = result.images[0]
    shape = {
        "background": result.background,
        "output_format": first.format,
        "quality": result.quality,
        "size": str(first.size) if first.size else None,
    }
    return {name: value for name, value in shape.items() if value is not None}


def usage_body(usage: Usage) -> dict[str, Any]:
    """Tokens in OpenAI's shape."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"text_tokens": usage.text_in, "image_tokens": usage.image_in},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"text_tokens": usage.text_out, "image_tokens": usage.image_out},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def extras(result: ImageResult, request: ImageRequest, redactor: Redactor) -> dict[str, Any]:
    """What this router adds to OpenAI's answer."""
    usd = result.cost.usd
    return {
        "id": result.id,
        "model": result.model,
        "provider": _names(result, 0),
        "cost": None if usd is None else float(usd),
        "cost_basis": result.cost.basis.value,
        "latency": round(result.latency_s * 1000),
        "attempts": made(result.attempts),
        "cache": result.cache,
        "requested": _requested(request),
        "warnings": [warning_body(warning, redactor) for warning in result.warnings],
        "missing": [failure_body(failure, redactor) for failure in result.missing],
    }


def _requested(request: ImageRequest) -> dict[str, Any]:
    """What was asked for, to lay beside what was delivered."""
    asked = {
        "model": request.model,
        "n": request.n,
        "size": str(request.size) if request.size else None,
        "aspect_ratio": request.aspect_ratio,
        "resolution": request.resolution,
        "quality": request.quality,
        "output_format": request.output_format,
        "background": request.background,
        "seed": request.seed,
    }
    return {name: value for name, value in asked.items() if value is not None}


def warning_body(warning: Warning, redactor: Redactor) -> dict[str, Any]:
    """One setting that was not honoured to the letter, or money that may be lost."""
    body = {
        "code": warning.code,
        "param": redactor.param(warning.param),
        "message": redactor.clean(warning.message),
        "requested": warning.requested,
        "delivered": warning.delivered,
    }
    return body if warning.usd is None else {**body, "usd": float(warning.usd)}


def result_headers(result: ImageResult) -> Mapping[str, str]:
    """What was done, for those who do not read bodies."""
    usd = result.cost.usd
    headers = {
        "x-routercore-provider": _names(result, 0),
        "x-routercore-model": _names(result, 2),
        "x-routercore-attempts": str(made(result.attempts)),
        "x-routercore-cost": "unknown" if usd is None else f"{usd:f}",
        "x-routercore-cache": result.cache,
        "x-routercore-warnings": ",".join(dict.fromkeys(w.code for w in result.warnings)),
    }
    return {name: header_text(value) for name, value in headers.items() if value}


def header_text(value: str) -> str:
    """Text as a header can carry it."""
    return "".join(c if " " <= c <= "~" else "?" for c in value)[:MAX_HEADER]
