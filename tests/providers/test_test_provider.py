"""The embedded provider: its cards and its pictures."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from tests.providers.kit import (
    make,
    task,
)

from routercore.provider import (
    Partial,
    Provider,
    Resumes,
    Size,
)
from routercore.providers import routercore_providers
from routercore.providers.test.caption import readable
from routercore.providers.test.cards import PAID, TEST
from routercore.values.money import estimate


class TestPictures:
    """What is painted."""

    def test_it_is_a_provider_from_the_hook(self) -> None:
        """The built-in hook contributes one provider, with the members that a provider has."""
        (provider,) = routercore_providers()
        assert isinstance(provider, Provider)
        assert isinstance(provider, Resumes)
        assert "test" == provider.name

    def test_importing_it_imports_no_pillow(self) -> None:
        """Registering the provider costs no import of an imaging library."""
        code = "import sys, routercore.providers; print('PIL' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert b"False" == done.stdout.strip()

    def test_the_same_request_gives_the_same_bytes(self) -> None:
        """Prompt, size, quality and seed decide every byte; without a seed the prompt has one."""
        assert make(seed=5).data == make(seed=5).data
        assert make().data == make().data

    @pytest.mark.parametrize(
        "other",
        [{"seed": 6}, {"quality": "high"}, {"size": Size(64, 96)}, {"prompt": "the sea"},
         {"style": "vivid"}, {"negative_prompt": "sun"}],
    )  # fmt: skip
    def test_each_setting_changes_the_picture(self, other: dict[str, Any]) -> None:
        """Another prompt, size, quality, seed, style or negative prompt is another picture."""
        assert make(seed=5).data != make(**{"seed": 5, **other}).data

    def test_quality_shows(self) -> None:
        """The scene itself, away from the caption, is another at each quality."""
        pictures = [make(size=Size(256, 256), seed=1, quality=q) for q in ("low", "medium", "high")]
        scenes = {picture.image.crop((0, 0, 256, 128)).tobytes() for picture in pictures}
        assert 3 == len(scenes)

    @pytest.mark.parametrize("text", ["16x16", "64x64", "16x900", "900x16", "333x222", "1024x1024"])
    def test_sizes(self, text: str) -> None:
        """A picture has exactly the size that was asked for."""
        size = Size.parse(text)
        played = make(size=size)
        assert (size.width, size.height) == played.image.size
        assert played.result is not None
        assert text == played.result.size

    def test_the_largest_size(self) -> None:
        """4096 by 4096 is painted."""
        assert (4096, 4096) == make(size=Size(4096, 4096), quality="low").image.size

    def test_the_default_size(self) -> None:
        """Left to the model, a picture is 1024 square."""
        assert (1024, 1024) == make(size=None).image.size

    @pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
    def test_formats(self, format: str) -> None:
        """Each format that the card names is what comes out."""
        assert format.upper() == make(output_format=format).image.format

    @pytest.mark.parametrize("format", ["webp", "jpeg"])
    def test_compression(self, format: str) -> None:
        """A lower ``output_compression`` makes a smaller file."""
        sizes = [
            len(make(size=Size(256, 256), output_format=format, output_compression=c).data)
            for c in (0, 50, 100)
        ]
        assert sorted(sizes) == sizes

    @pytest.mark.parametrize("format", ["png", "webp"])
    def test_transparency(self, format: str) -> None:
        """A transparent background is transparent in the corners and solid in the middle."""
        alpha = make(background="transparent", output_format=format).image.getchannel("A")
        assert (0, 255) == (alpha.getpixel((0, 0)), alpha.getpixel((48, 32)))

    def test_several_images_differ_and_can_be_had_again(self) -> None:
        """Image i of n is the picture of seed + i."""
        played = make(seed=5, n=4)
        assert played.result is not None
        images = played.result.images
        assert 4 == len({image.data for image in images})
        assert [5, 6, 7, 8] == [image.seed for image in images]
        assert images[2].data == make(seed=7).data

    @pytest.mark.parametrize(
        "prompt",
        ["", " ", "山の夕焼け", "שלום עולם", "🦊🏔️", "a\x00b\u202ec\ud800", "x" * 4000,
         "word " * 6000, "Füchse überqueren große Straßen"],
    )  # fmt: skip
    @pytest.mark.parametrize("size", [Size(16, 16), Size(320, 200)])
    def test_any_prompt_is_drawn(self, prompt: str, size: Size) -> None:
        """No text breaks the caption, whatever the font has."""
        assert (size.width, size.height) == make(prompt, size=size).image.size

    @given(st.text(max_size=80), st.integers(16, 140), st.integers(16, 140), st.integers())
    @settings(max_examples=40)
    def test_any_request_is_drawn(self, prompt: str, width: int, height: int, seed: int) -> None:
        """Any prompt, size and seed gives a picture of that size."""
        assert (width, height) == make(prompt, size=Size(width, height), seed=seed).image.size

    @pytest.mark.parametrize(
        ("text", "shown"),
        [("Füchse, große Straßen – Łódź", "Fuchse, grosse Strassen - Lodz"),
         ("ein 山 im Licht", "ein · im Licht"), ("a\n\tb  c", "a b c"), ("fox 🦊", "fox")],
    )  # fmt: skip
    def test_captions_use_letters_that_the_font_has(self, text: str, shown: str) -> None:
        """Accents are folded, unknown letters become dots, pictographs go."""
        assert shown == readable(text)

    def test_the_caption_shows_the_prompt(self) -> None:
        """Where only the caption's text differs, the lower part of the picture differs."""
        one = make("sea a", size=Size(512, 512), seed=1).image.crop((20, 440, 300, 500))
        two = make("sea a, sea b", size=Size(512, 512), seed=1).image.crop((20, 440, 300, 500))
        assert ImageChops.difference(one, two).getbbox() is not None

    def test_partial_images_sharpen(self) -> None:
        """A stream carries as many partial images as asked for, each closer to the final one."""
        played = make(size=Size(256, 256), stream=True, partial_images=3, options={"latency": 4})
        partials = played.of(Partial)
        assert [0, 1, 2] == [one.index for one in partials]
        final = played.image.convert("L")
        errors = [
            sum(i * c for i, c in enumerate(ImageChops.difference(final, draft).histogram()))
            for one in partials
            for draft in [Image.open(BytesIO(one.image.data)).convert("L")]
        ]
        assert sorted(errors, reverse=True) == errors
        assert 4 == sum(played.waits)

    def test_no_partials_unless_streamed(self) -> None:
        """Without a stream there is nobody to show partial images to."""
        assert [] == make(partial_images=3).of(Partial)

    def test_usage_grows_with_quality(self) -> None:
        """Made-up tokens follow OpenAI's proportions, and the safety identifier comes back."""
        low, high = (make(quality=q, user="me").result for q in ("low", "high"))
        assert low is not None
        assert high is not None
        assert low.usage is not None
        assert high.usage is not None
        assert low.usage.output_tokens < high.usage.output_tokens
        assert "me" == low.safety_identifier

    def test_prices(self) -> None:
        """``test/test`` is known to be free; ``test/paid`` lists a price for rehearsals."""
        assert 0 == estimate(TEST, task()).expected
        assert "0.08" == str(estimate(PAID, task(n=2)).expected)
