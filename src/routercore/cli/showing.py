"""Pictures in the terminal, where it can show them."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Any

from routercore.cli.output import console
from routercore.values.images import Image

LARGEST_SHARE = 0.6
"""Of the terminal's height; the words below the picture should stay in sight."""
WIDEST = 80


def show(images: Sequence[Image]) -> None:
    """Draw pictures with the terminal's graphics, or coarsely with coloured half blocks.

    Does nothing where neither would look like the picture, or where the terminal cannot be asked
    what it can do because standard input is something else.
    """
    out = console()
    if out.color_system != "truecolor" or not sys.stdin.isatty():
        return
    kind = _renderable()
    rows = max(6, int(out.height * LARGEST_SHARE))
    for image in images:
        if image.format == "svg" or image.size is None:
            continue
        columns = min(out.width - 2, WIDEST, int(rows * 2 * image.size.ratio))
        height = max(1, round(columns / 2 / image.size.ratio))
        out.print(kind(io.BytesIO(image.data), width=columns, height=height))


def _renderable() -> Any:
    """What this terminal can show pictures with; asks the terminal once."""
    from textual_image.renderable import Image as Picture

    return Picture
