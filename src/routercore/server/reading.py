"""From an HTTP request to what is asked: JSON or form, every spelling that clients use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.requests import Request

from routercore.config.words import expected
from routercore.engine.deliver import decode_base64
from routercore.engine.inputs import at_url, picture_of
from routercore.engine.wishes import refuse_wrong
from routercore.server import strictly
from routercore.server.bodies import Account, read_json
from routercore.server.body import MAX_IMAGES, ImageBody, ImageReference, Picture
from routercore.server.faults import MediaTypeError, TooLargeError
from routercore.server.forms import Part, Upload, path_of, read_form
from routercore.server.meant import unknown
from routercore.values.errors import RequestError
from routercore.values.faults import ProviderFailed
from routercore.values.images import MAX_INPUT_BYTES, ImageRequest, InputImage, ResponseFormat
from routercore.values.sizes import Size

OVERLAYS = ("mask", "markup")
PICTURES = ("image", *OVERLAYS)
OBJECTS = ("svg", "provider_options")
"""Fields that hold objects: in a form they are bracketed, or JSON text."""
ONE = "there is more than one, and one is used"
_BRACKETED = re.compile(rf"(?:images|{'|'.join(PICTURES)})\[([0-9]{{0,3}})\]")
_NUMBER_OR_FLAG = re.compile(r"true|false|-?(0|[1-9][0-9]{0,14})|-?(0|[1-9][0-9]{0,6})\.[0-9]{1,8}")
"""What is clearly one: not ``007``, and no more digits than a number keeps."""

Source = Upload | str | ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client asks for: of the router, and of the answer."""

    request: ImageRequest
    stream: bool


async def read_asked(
    request: Request, *, limit: int, account: Account, default_model: str | None
) -> Asked:
    """Read and validate an image request.

    Raises:
        RequestError: it is wrong; ``param`` names the first field that is.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaTypeError("Compressed request bodies are not accepted.")
    if kind == "multipart/form-data":
        fields, pictures = _sort_form(await read_form(request, limit, account))
    elif kind == "application/json" or not kind:
        fields, pictures = await read_json(request, limit, account), {}
    else:
        raise MediaTypeError(f"{kind!r} is not read; send application/json or multipart/form-data.")
    body = _validated(_merged(fields))
    asked = _image_request(body, pictures, default_model)
    refuse_wrong(asked)  # Here already, so that nothing is begun or remembered for it.
    return Asked(request=asked, stream=bool(body.stream))


def _sort_form(parts: Sequence[Part]) -> tuple[dict[str, Any], dict[str, list[Source]]]:
    """Plain fields as an object, and pictures by what they are."""
    fields: dict[str, Any] = {}
    pictures: dict[str, list[Source]] = {}
    for name, value in sorted(parts, key=lambda part: _index(part[0])):
        path = path_of(name)
        kind = "image" if path[0] == "images" else path[0]
        if value is None:
            continue
        if kind in PICTURES:
            pictures.setdefault(kind, []).append(value)
        elif isinstance(value, Upload):
            raise RequestError(f"{name!r} cannot be a file.", param=path[0], code="invalid_type")
        else:
            _put(fields, path, value)
    return fields, pictures


def _put(fields: dict[str, Any], path: list[str], value: str) -> None:
    """Set a bracketed field inside nested objects; one that ends in ``[]`` is of a list."""
    *steps, name = path[:-1] if path[-1] == "" and len(path) > 1 else path
    if "" in steps:
        raise RequestError(f"{path[0]!r} has a list of objects, which is for JSON text.",
                           param=path[0], code="invalid_value")  # fmt: skip
    for step in steps:
        fields = fields.setdefault(step, {})
        if not isinstance(fields, dict):
            raise strictly.given_twice(path[0])
    if path[-1] == "" and isinstance(listed := fields.setdefault(name, []), list):
        listed.append(_read(path, value))
        return
    if name in fields:
        raise strictly.given_twice(path[0])
    fields[name] = _read(path, value)


def _read(path: list[str], text: str) -> Any:
    """A form's field as JSON would have it, where no model of the body says what it should be."""
    if len(path) == 1 and path[0] in OBJECTS:
        return _object(path[0], text)
    is_option = path[0] == "provider_options"
    return from_json(text) if is_option and _NUMBER_OR_FLAG.fullmatch(text) else text


def _object(name: str, text: str) -> Any:
    try:
        return strictly.read(text.encode(), within=name)
    except ValueError as error:
        raise RequestError(f"{name!r} is not JSON: {error}.", param=name,
                           code="invalid_json") from None  # fmt: skip


def _merged(fields: dict[str, Any]) -> dict[str, Any]:
    """Nulls are absent, and ``extra_body`` is what official clients make of it: further fields."""
    extra = fields.pop("extra_body", None)
    if not isinstance(extra, dict | None):
        raise RequestError("'extra_body' is not an object.", param="extra_body",
                           code="invalid_type")  # fmt: skip
    fields, extra = _given(fields), _given(extra or {})
    if twice := next(filter(fields.__contains__, extra), None):
        raise strictly.given_twice(twice)
    return _unbracketed(fields | extra)


def _unbracketed(fields: dict[str, Any]) -> dict[str, Any]:
    """``image[]`` is another name of ``image``, and ``image[0]`` the first of its pictures."""
    listed: dict[str, list[Any]] = {}
    for spelling in sorted(filter(_BRACKETED.fullmatch, fields), key=_index):
        name, value = spelling.partition("[")[0], fields.pop(spelling)
        if name in fields:
            raise _conflict(spelling, f"it is another name of '{name}'; give one of them")
        listed.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    return fields | listed


def _index(name: str) -> int:
    """Where among the pictures of its field one is to stand."""
    match = _BRACKETED.fullmatch(name)
    return int(match[1] or 0) if match else 0


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _validated(fields: dict[str, Any]) -> ImageBody:
    try:
        return ImageBody.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        too_many = (one for one in problems if one["type"] == "too_long")
        raise _problem(next(too_many, problems[0])) from None


def _problem(problem: ErrorDetails) -> RequestError:
    """A validation error in OpenAI's words."""
    place = problem["loc"]
    param = _param(place)
    inner = [str(step) for step in place[1:] if isinstance(step, int)]
    where = f"{param}[{inner[0]}]" if inner else f"{param}"
    kind = problem["type"]
    if kind == "missing":
        return RequestError(f"Missing required parameter: '{where}'.", param=param,
                            code="missing_required_parameter")  # fmt: skip
    if kind == "extra_forbidden":
        return RequestError(unknown(f"{param}"), param=param, code="unknown_parameter")
    code = "invalid_type" if kind.endswith("_type") else "invalid_value"
    if kind == "string_too_long":
        code = "string_above_max_length"
    return RequestError(f"Invalid '{where}': {_wanted(problem)}.", param=param, code=code)


def _wanted(problem: ErrorDetails) -> str:
    """What the field takes, in words."""
    kind, field = problem["type"], problem["loc"][0]
    if kind == "string_too_short":
        return "it is empty"
    if kind == "too_long" and field in OVERLAYS:
        return ONE
    if kind == "string_pattern_mismatch" and field in _SPELT:
        return f"it should be written like {_SPELT[field]}"
    if kind not in ("too_long", "list_type") and field in ("images", *PICTURES):
        return "it should be a URL, or an object with an image_url"
    return expected(problem, table="an object")


_SPELT: Mapping[int | str, str] = {
    "size": "1024x1024, or 'auto'",
    "aspect_ratio": "16:9, or 'auto'",
    "resolution": "2K, or 'auto'",
}


def _param(place: Sequence[str | int]) -> str | None:
    """The field, and where in it, if it is an object; other steps are the validator's own."""
    if place and place[0] in OBJECTS:
        return ".".join(map(str, place))[:128]
    return str(place[0])[:128] if place else None


def _image_request(
    body: ImageBody, pictures: dict[str, list[Source]], default_model: str | None
) -> ImageRequest:
    _check_together(body)
    images = [*pictures.get("image", ()), *_listed(body.images), *_listed(body.image)]
    if len(images) > MAX_IMAGES:
        raise RequestError(f"There are {len(images)} images; {MAX_IMAGES} are allowed.",
                           param="image", code="invalid_value")  # fmt: skip
    model = body.model or default_model
    if model is None:
        raise RequestError("Missing required parameter: 'model'. GET /v1/models lists what there"
                           " is.", param="model", code="missing_required_parameter")  # fmt: skip
    size = _unless_auto(body.size)
    form = body.response_format
    return ImageRequest(
        prompt=body.prompt,
        model=model,
        images=tuple(_picture(source, "image") for source in images),
        mask=_only(pictures, "mask", body.mask),
        markup=_only(pictures, "markup", body.markup),
        n=body.n or 1,
        size=Size.parse(size) if size else None,
        aspect_ratio=_unless_auto(body.aspect_ratio),
        resolution=(_unless_auto(body.resolution) or "").upper() or None,
        quality=_unless_auto(body.quality),
        output_format=_unless_auto(body.output_format),
        output_compression=body.output_compression,
        background=_unless_auto(body.background),
        moderation=_unless_auto(body.moderation),
        style=body.style,
        seed=body.seed,
        negative_prompt=body.negative_prompt or None,
        input_fidelity=body.input_fidelity,
        complexity=body.complexity,
        frame_count=body.frame_count,
        frame_duration_ms=body.frame_duration_ms,
        svg=body.svg.model_dump(exclude_none=True) if body.svg else None,
        user=body.user or None,
        safety_identifier=body.safety_identifier or None,
        partial_images=body.partial_images,
        response_format=ResponseFormat(form) if form else None,
        strict=bool(body.strict),
        options=body.provider_options or {},
        max_price=body.max_price,
    )


def _unless_auto(value: str | None) -> str | None:
    return None if value == "auto" else value


def _check_together(body: ImageBody) -> None:
    """What streams and other answers exclude."""
    if body.partial_images and not body.stream:
        raise _conflict("partial_images", "intermediate images need stream=true")
    if body.stream and body.response_format == "url":
        raise _conflict("response_format", "a stream carries images as base64")


def _conflict(param: str, message: str) -> RequestError:
    return RequestError(f"Invalid '{param}': {message}.", param=param, code="invalid_value")


def _listed(value: list[Picture] | Picture | None) -> list[Source]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _only(
    pictures: dict[str, list[Source]], name: str, references: list[Picture] | Picture | None
) -> InputImage | None:
    sources = [*pictures.get(name, ()), *_listed(references)]
    if len(sources) > 1:
        raise _conflict(name, ONE)
    return _picture(sources[0], name) if sources else None


def _picture(source: Source, param: str) -> InputImage:
    if isinstance(source, ImageReference):
        source = _referred(source, param)
    if isinstance(source, str) and source[:8].lower() == "https://":
        return at_url(source, param)
    data = source.data if isinstance(source, Upload) else _from_data_url(source, param)
    if len(data) > MAX_INPUT_BYTES:
        raise _too_large(param)
    return picture_of(data, param)


def _too_large(param: str) -> TooLargeError:
    return TooLargeError(f"The {param} is larger than {MAX_INPUT_BYTES:,} bytes.", param=param)


def _referred(reference: ImageReference, param: str) -> str:
    if reference.file_id is not None:
        raise RequestError("There are no files here, so no file_id: send the image itself, or its"
                           " image_url.", param=param, code="invalid_value")  # fmt: skip
    if reference.image_url is None:
        raise RequestError(f"The {param} has no image_url.", param=param, code="invalid_value")
    return reference.image_url


def _from_data_url(text: str, param: str) -> bytes:
    head, comma, payload = text.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise RequestError(f"The {param} is neither an https:// URL nor a base64 data: URL.",
                           param=param, code="invalid_image_url")  # fmt: skip
    try:
        return decode_base64(payload)
    except ProviderFailed:
        raise RequestError(f"The {param} is not valid base64.", param=param,
                           code="invalid_base64_image") from None  # fmt: skip
