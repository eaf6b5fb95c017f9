"""The embedded provider: its pictures, its edits, and the failures that it rehearses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from routercore.provider import (
    Accepted,
    Effect,
    Emit,
    Fault,
    Flow,
    Generated,
    InputImage,
    Operation,
    Partial,
    Progress,
    Provider,
    ProviderFailed,
    Resumes,
    Run,
    Size,
    Task,
    Wait,
)
from routercore.providers import routercore_providers
from routercore.providers.test import TestProvider
from routercore.providers.test.caption import readable
from routercore.providers.test.cards import CARDS, PAID, SCRIPTS, TEST
from routercore.values.money import estimate

SMALL = Size(96, 64)


@dataclass
class Played:
    """What a flow did and came to."""

    result: Generated | None = None
    waits: list[float] = field(default_factory=list)
    notices: list[object] = field(default_factory=list)
    failed: ProviderFailed | None = None

    @property
    def data(self) -> bytes:
        assert self.result is not None
        return self.result.images[0].data or b""

    @property
    def image(self) -> Image.Image:
        return Image.open(BytesIO(self.data))

    @property
    def fault(self) -> Fault | None:
        return self.failed.failure.fault if self.failed else None

    def of(self, kind: type) -> list[Any]:
        return [notice for notice in self.notices if isinstance(notice, kind)]


async def play(flow: Flow[Generated]) -> Played:
    """Drive a flow: run what it runs, let no time pass, keep what it tells."""
    played, reply = Played(), None
    try:
        while True:
            effect: Effect = flow.send(reply)
            reply = None
            if isinstance(effect, Run):
                reply = await asyncio.to_thread(effect.function)
            elif isinstance(effect, Wait):
                played.waits.append(effect.seconds)
            elif isinstance(effect, Emit):
                played.notices.append(effect.notice)
            else:
                raise AssertionError(f"the provider makes no calls, yet asked for {effect}")
    except StopIteration as stop:
        played.result = stop.value
    except ProviderFailed as error:
        played.failed = error
    return played


def task(prompt: str = "a quiet lake at dawn", **changes: Any) -> Task:
    changes = {"size": SMALL, "card": TEST, "base_url": "http://test.invalid", **changes}
    return Task(prompt=prompt, **changes)


def make(prompt: str = "a quiet lake at dawn", **changes: Any) -> Played:
    return asyncio.run(play(TestProvider().generate(task(prompt, **changes))))


def rehearse(options: dict[str, Any], times: int = 1, **changes: Any) -> list[Played]:
    async def run() -> list[Played]:
        provider = TestProvider()
        return [
            await play(provider.generate(task(options=options, **changes))) for _ in range(times)
        ]

    return asyncio.run(run())


def faults(played: Sequence[Played]) -> list[str]:
    return [str(one.fault or "ok") for one in played]


def source(
    color: tuple[int, ...] = (200, 60, 30), edges: tuple[int, int] = (80, 50)
) -> Image.Image:
    """A picture with something in every corner."""
    mode = "RGBA" if len(color) == 4 else "RGB"
    image = Image.new(mode, edges, color)
    shade = Image.linear_gradient("L").resize(edges)
    return ImageChops.multiply(image, Image.merge(mode, (shade,) * 3 + image.split()[3:]))


def brought(image: Image.Image) -> InputImage:
    out = BytesIO()
    image.save(out, "PNG")
    return InputImage.of(out.getvalue())


def hole(edges: tuple[int, int] = (80, 50),
         box: tuple[int, int, int, int] = (20, 10, 60, 40)) -> Image.Image:  # fmt: skip
    """A mask that opens a box, with half-transparent pixels beside it, which do not count."""
    mask = Image.new("RGBA", edges, (0, 0, 0, 255))
    mask.paste((9, 9, 9, 128), (0, 0, 10, edges[1]))
    mask.paste((0, 0, 0, 0), box)
    return mask


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
        """Prompt, size, quality and seed decide every byte."""
        assert make(seed=5).data == make(seed=5).data

    @pytest.mark.parametrize(
        "other",
        [{"seed": 6}, {"quality": "high"}, {"size": Size(64, 96)}, {"prompt": "the sea"},
         {"style": "vivid"}, {"negative_prompt": "sun"}],
    )  # fmt: skip
    def test_each_setting_changes_the_picture(self, other: dict[str, Any]) -> None:
        """Another prompt, size, quality, seed, style or negative prompt is another picture."""
        assert make(seed=5).data != make(**{"seed": 5, **other}).data

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
    @settings(max_examples=40, deadline=None)
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
    @settings(max_examples=25, deadline=None)
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


class TestRehearsals:
    """Latency, failures and jobs, as options ask for them."""

    def test_latency_passes_with_progress(self) -> None:
        """The latency is waited for in steps, each of which reports a growing fraction."""
        (played,) = rehearse({"latency": 2})
        fractions = [notice.fraction for notice in played.of(Progress)]
        assert 2 == sum(played.waits)
        assert sorted(fractions) == fractions
        assert 1 == fractions[-1]

    @pytest.mark.parametrize("fault", list(Fault))
    def test_every_fault_can_be_rehearsed(self, fault: Fault) -> None:
        """``fail`` takes any fault and waits ``after`` before it."""
        (played,) = rehearse({"fail": str(fault), "after": 3, "retry_after": 7})
        assert played.failed is not None
        failure = played.failed.failure
        assert (fault, 7, [3]) == (failure.fault, failure.retry_after, played.waits)

    def test_a_list_is_played_in_order(self) -> None:
        """Each call takes the next word; the last one goes on."""
        played = rehearse({"fail": ["overloaded", "rate_limited", "ok"]}, times=5)
        assert ["overloaded", "rate_limited", "ok", "ok", "ok"] == faults(played)

    def test_scripts_are_counted_by_name(self) -> None:
        """Two names count apart, however equal their lists."""

        async def run() -> list[str]:
            provider, seen = TestProvider(), []
            for name in ("a", "b", "a", "b"):
                options = {"fail": ["overloaded", "ok"], "script": name}
                seen += faults([await play(provider.generate(task(options=options)))])
            return seen

        assert ["overloaded", "overloaded", "ok", "ok"] == asyncio.run(run())

    def test_a_rate_of_failures_is_the_same_every_time(self) -> None:
        """Which calls fail follows from the script's name and the count alone."""
        options = {"fail_rate": 0.5, "script": "flaky", "fail": "gateway"}
        one, two = (faults(rehearse(options, times=40)) for _ in range(2))
        assert one == two
        assert 10 < one.count("gateway") < 30
        assert ["ok"] * 5 == faults(rehearse({"fail_rate": 0}, times=5))
        assert ["overloaded"] * 5 == faults(rehearse({"fail_rate": 1}, times=5))

    def test_old_scripts_are_forgotten(self) -> None:
        """Counting takes bounded memory: far back, a script begins anew."""

        async def run() -> str:
            provider = TestProvider()
            for i in [0, *range(1, 1002), 0]:
                options = {"fail": ["overloaded", "gateway"], "script": str(i)}
                last = await play(provider.generate(task(options=options)))
            return str(last.fault)

        assert "overloaded" == asyncio.run(run())

    def test_refusals(self) -> None:
        """A refusal has categories, so that policy can be rehearsed too."""
        (played,) = rehearse({"refuse": True})
        assert played.failed is not None
        assert Fault.REFUSED == played.fault
        assert ("rehearsal",) == played.failed.failure.categories

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_another_number_of_images(self, count: int) -> None:
        """``images`` decides how many come, whatever n was."""
        (played,) = rehearse({"images": count}, n=2)
        assert played.result is not None
        assert count == len(played.result.images)

    def test_bytes_that_are_no_image(self) -> None:
        """``bad_image`` delivers text."""
        (played,) = rehearse({"bad_image": True})
        assert played.data.startswith(b"These bytes are not an image")

    def test_a_job_is_accepted_first_and_can_be_resumed(self) -> None:
        """Resuming an accepted job, also in another process, gives the same picture."""

        async def run() -> tuple[Played, Played]:
            asked = task(options={"job": True, "latency": 2}, idempotency_key="k")
            first = await play(TestProvider().generate(asked))
            handle = first.of(Accepted)[0].handle
            return first, await play(TestProvider().resume(asked, handle))

        first, resumed = asyncio.run(run())
        assert isinstance(first.notices[0], Accepted)
        assert (first.data, 2) == (resumed.data, sum(resumed.waits))

    @pytest.mark.parametrize(
        ("options", "accepted"),
        [({"fail": "overloaded"}, 0), ({"fail": "overloaded", "after": 1}, 1),
         ({"fail": "job_failed"}, 1), ({"fail": "refused_result"}, 1), ({"refuse": True}, 0)],
    )  # fmt: skip
    def test_jobs_fail_before_or_after_acceptance(
        self, options: dict[str, Any], accepted: int
    ) -> None:
        """The submission fails, unless ``after`` is given or only a job can fail so."""
        (played,) = rehearse({"job": True, **options})
        assert played.fault is not None
        assert accepted == len(played.of(Accepted))

    def test_a_lost_reply_can_be_resumed(self) -> None:
        """Resuming plays the next step of the script."""

        async def run() -> list[str]:
            provider = TestProvider()
            asked = task(options={"job": True, "fail": ["reply_lost", "ok"], "after": 1})
            first = await play(provider.generate(asked))
            second = await play(provider.resume(asked, first.of(Accepted)[0].handle))
            return faults([first, second])

        assert ["reply_lost", "ok"] == asyncio.run(run())

    def test_a_cancelled_job_is_over(self) -> None:
        """After ``cancel``, resuming fails; other jobs go on."""

        async def run() -> list[str]:
            provider = TestProvider()
            asked = task(options={"job": True}, idempotency_key="one")
            handle = (await play(provider.generate(asked))).of(Accepted)[0].handle
            assert [Emit(Progress(None, "cancelled"))] == list(provider.cancel(handle))
            other = task(options={"job": True}, idempotency_key="two")
            return faults([await play(provider.resume(asked, handle)),
                           await play(provider.generate(other))])  # fmt: skip

        assert ["job_failed", "ok"] == asyncio.run(run())

    def test_a_foreign_handle_is_no_job(self) -> None:
        """A handle of somebody else is a lost job."""
        played = asyncio.run(play(TestProvider().resume(task(), {"id": 3})))
        assert Fault.JOB_LOST == played.fault

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"latency": -1}, "option 'latency' takes seconds"),
            ({"latency": True}, "option 'latency' takes seconds"),
            ({"latency": float("nan")}, "option 'latency' takes seconds"),
            ({"after": "1"}, "option 'after' takes seconds"),
            ({"retry_after": 1e9}, "option 'retry_after' takes seconds"),
            ({"fail": "rate-limited"}, "option 'fail' takes ok, "),
            ({"fail": ["ok", 3]}, "not 3"),
            ({"fail": []}, "option 'fail' takes one to 100"),
            ({"fail": {}}, "option 'fail'"),
            ({"fail_rate": 2}, "option 'fail_rate' takes a number from 0 to 1"),
            ({"script": ""}, "option 'script' takes a name"),
            ({"refuse": "yes"}, "option 'refuse' takes true or false"),
            ({"images": 11}, "option 'images' takes a whole number"),
            ({"images": 1.0}, "option 'images' takes a whole number"),
            ({"job": 1}, "option 'job' takes true or false"),
            ({"bad_image": None}, "option 'bad_image' takes true or false"),
            ({"latencey": 1}, "did you mean 'latency'?"),
            ({"zzz": 1}, "latency, fail, script"),
        ],
    )
    def test_wrong_options_are_named(self, options: dict[str, Any], words: str) -> None:
        """A wrong option is an invalid request that names it and what it takes."""
        (played,) = rehearse(options)
        assert played.failed is not None
        failure = played.failed.failure
        assert (Fault.INVALID_REQUEST, f"options.test.{next(iter(options))}") == (
            failure.fault,
            failure.param,
        )
        assert words in failure.message

    @pytest.mark.parametrize(
        ("model", "fault"),
        [("test/overloaded", "overloaded"), ("test/rate-limited", "rate_limited"),
         ("test/refusing", "refused"), ("test/slow", "ok"), ("test/job", "ok"),
         ("test/broken", "ok")],
    )  # fmt: skip
    def test_models_with_a_script(self, model: str, fault: str) -> None:
        """Some models always misbehave, for configurations without options."""
        card = next(card for card in CARDS if card.id == model)
        (played,) = rehearse({}, card=card)
        assert [fault] == faults([played])
        assert sum(played.waits) == float(str(SCRIPTS[model].get("latency", 0)))

    def test_options_come_on_top_of_a_models_script(self) -> None:
        """A caller can make a failing model work."""
        card = next(card for card in CARDS if card.id == "test/overloaded")
        assert ["ok"] == faults(rehearse({"fail": "ok"}, card=card))
