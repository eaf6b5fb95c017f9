"""The embedded provider changes pictures, and only where it was asked to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from tests.providers.kit import (
    brought,
    hole,
    make,
    source,
)

from routercore.provider import (
    Fault,
    InputImage,
    Operation,
    Size,
)
from routercore.providers.test.cards import CARDS


class TestEdits:
    """What becomes of pictures that are brought."""

    def test_an_edit_changes_the_picture_and_keeps_its_size(self) -> None:
        """Without a mask the whole picture is recoloured."""
        image = make(images=(brought(source()),), size=None).image
        assert (80, 50) == image.size
        assert ImageChops.difference(image, source()).getbbox() is not None

    def test_fidelity(self) -> None:
        """High fidelity stays closer to the input than low."""
        means = [
            sum(ImageChops.difference(image.convert("L"), source().convert("L")).tobytes())
            for fidelity in ("high", "low")
            for image in [make(images=(brought(source()),), size=None,
                               input_fidelity=fidelity).image]
        ]  # fmt: skip
        assert means[0] < means[1]

    def test_an_edit_keeps_transparency(self) -> None:
        """Transparent parts of an input stay transparent."""
        image = source((200, 60, 30, 255))
        image.paste((0, 0, 0, 0), (60, 0, 80, 10))
        alpha = make(images=(brought(image),), size=None).image.getchannel("A")
        assert 0 == alpha.getpixel((70, 5))

    def test_a_jpeg_of_a_transparent_input_lies_on_white(self) -> None:
        """Transparent parts become white where the format has no transparency."""
        clear = brought(Image.new("RGBA", (400, 300)))
        image = make("x", images=(clear,), size=None, output_format="jpeg").image
        assert (255, 255, 255) == image.getpixel((390, 5))

    @pytest.mark.parametrize("count", [2, 3, 5, 16])
    def test_several_images_are_hung_together(self, count: int) -> None:
        """Several inputs become one composition, in the size of the first unless asked."""
        pictures = tuple(brought(source((20 * i + 10, 99, 200))) for i in range(count))
        assert (80, 50) == make(images=pictures, size=None).image.size
        assert (200, 120) == make(images=pictures, size=Size(200, 120)).image.size

    @pytest.mark.parametrize("format", ["png", "webp"])
    @pytest.mark.parametrize("color", [(200, 60, 30), (200, 60, 30, 255), (200, 60, 30, 90)])
    def test_only_the_masked_part_changes(self, format: str, color: tuple[int, ...]) -> None:
        """Outside the fully transparent pixels of the mask every pixel is as it was."""
        before = source(color)
        played = make(images=(brought(before),), mask=brought(hole()), size=None,
                      output_format=format)  # fmt: skip
        after = played.image.convert("RGBA")
        box = (20, 10, 60, 40)
        assert before.convert("RGBA").crop(box).tobytes() != after.crop(box).tobytes()
        blank = Image.new("RGBA", (40, 30))
        after.paste(blank, box)
        expected = before.convert("RGBA")
        expected.paste(blank, box)
        assert expected.tobytes() == after.tobytes()

    @given(st.binary(min_size=64, max_size=64), st.integers(0, 99))
    @settings(max_examples=25)
    def test_masks_of_any_shape(self, alphas: bytes, seed: int) -> None:
        """Pixel by pixel: where alpha is not zero, nothing changes."""
        before = source(edges=(32, 32))
        mask = Image.new("RGBA", (32, 32))
        steps = bytes(0 if alpha < 128 else alpha for alpha in alphas)
        mask.putalpha(
            Image.frombytes("L", (8, 8), steps).resize((32, 32), Image.Resampling.NEAREST)
        )
        after = make(images=(brought(before),), mask=brought(mask), size=None, seed=seed).image
        kept = mask.getchannel("A").point([0] + [255] * 255)
        changed = ImageChops.difference(before, after).convert("RGB")
        for channel in changed.split():
            assert ImageChops.multiply(channel, kept).getbbox() is None

    def test_a_mask_that_opens_nothing(self) -> None:
        """A mask without transparent pixels leaves everything as it was."""
        mask = brought(hole(box=(0, 0, 0, 0)))
        assert (
            source().tobytes()
            == make(images=(brought(source()),), mask=mask, size=None).image.tobytes()
        )

    def test_an_inpainting_can_be_resized(self) -> None:
        """A size that is asked for is kept with a mask too."""
        played = make(images=(brought(source()),), mask=brought(hole()), size=Size(160, 100))
        assert (160, 100) == played.image.size

    @pytest.mark.parametrize(
        ("image", "mask", "param", "words"),
        [
            (brought(source()), brought(hole((40, 50))), "mask", "make them equal"),
            (brought(source()), brought(source()), "mask", "alpha channel"),
            (InputImage(b"nonsense"), brought(hole()), "image", "cannot be read"),
            (brought(source()), InputImage(b"nonsense"), "mask", "cannot be read"),
        ],
    )
    def test_unusable_inputs(
        self, image: InputImage, mask: InputImage, param: str, words: str
    ) -> None:
        """Wrong inputs are the caller's mistake, and named."""
        played = make(images=(image,), mask=mask, size=None)
        assert Fault.INVALID_REQUEST == played.fault
        assert played.failed is not None
        assert param == played.failed.failure.param
        assert words in played.failed.failure.message

    def test_a_mask_without_an_image(self) -> None:
        """A mask alone is refused."""
        assert Fault.INVALID_REQUEST == make(mask=brought(hole())).fault

    def test_the_card_offers_all_operations(self) -> None:
        """Every model generates, edits and inpaints."""
        assert {frozenset(Operation)} == {card.operations for card in CARDS}
