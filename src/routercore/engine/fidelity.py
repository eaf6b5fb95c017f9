"""What was delivered beside what was asked for, told from the bytes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from routercore.values.images import Generated, Image, ImageRequest, Warning


def unsaid(
    request: ImageRequest, images: Sequence[Image], said: Sequence[Warning]
) -> Iterator[Warning]:
    """Warnings of what came out otherwise than asked for, where none of ``said`` speaks of it."""
    known = {warning.param for warning in said}
    if request.size is not None and "size" not in known:
        sizes = {str(image.size) for image in images if image.size not in (None, request.size)}
        yield from _changed("size", str(request.size), sizes)
    if request.output_format is not None and "output_format" not in known:
        formats = {image.format for image in images} - {request.output_format}
        yield from _changed("output_format", request.output_format, formats)


def told(made: Sequence[Generated]) -> Iterator[Warning]:
    """What providers say of their images, once."""
    yield from dict.fromkeys(warning for one in made for warning in one.warnings)


def _changed(param: str, requested: str, others: set[str]) -> Iterator[Warning]:
    if others:
        delivered = ", ".join(sorted(others))
        message = f"the provider delivered {delivered}"
        yield Warning(code=f"{param}_changed", param=param, message=message,
                      requested=requested, delivered=delivered)  # fmt: skip
