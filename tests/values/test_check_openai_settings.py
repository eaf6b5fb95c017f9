"""How requests are fitted to cards, for the settings that OpenAI's newest models have."""

from __future__ import annotations

from datetime import date

from routercore.values.catalogue import MaskPolarity, ModelCard
from routercore.values.check import Rejection, check
from routercore.values.images import ImageRequest, InputImage, Operation


def test_markup_and_mask_exclude_each_other() -> None:
    """A card that takes both takes them one at a time."""
    card = ModelCard(
        id="m",
        operations=frozenset(Operation),
        max_images=1,
        mask=MaskPolarity.ALPHA,
        accepts=frozenset({"markup"}),
    )
    image = InputImage(b"1")
    request = ImageRequest(model="m", prompt="x", images=(image,), mask=image, markup=image)
    rejections = check(card, request, date(2026, 11, 21))
    assert rejections == (Rejection("markup", "a markup excludes a mask; send one of them"),)
