"""The embedded provider's flow: waits, fails and paints as its script says."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial as bound
from typing import TYPE_CHECKING, Any, ClassVar

from routercore.provider import (
    API_VERSION,
    Auth,
    Failure,
    Fault,
    Flow,
    Generated,
    HttpResponse,
    ModelCard,
    NoAuth,
    RawImage,
    Task,
    Usage,
    accepted,
    classify_openai,
    fail,
    partial,
    progress,
    run_in_thread,
    wait,
)
from routercore.providers.test.cards import CARDS, SCRIPTS
from routercore.providers.test.script import MAX_COUNTS, Counts, Script

if TYPE_CHECKING:
    from routercore.providers.test.studio import Finished

PROGRESS_STEPS = 4
"""Reports of progress while a latency passes."""
NO_IMAGE_BYTES = b"These bytes are not an image, as the option 'bad_image' asks."
QUALITY_TOKENS = {"low": 0.25, "medium": 1.0, "high": 4.0}
"""Tokens for each 1,024 pixels: made up, in OpenAI's proportions, so that usage can be shown."""


class TestProvider:
    """Paints pictures in this process. See the package's documentation for its options."""

    __test__: ClassVar[bool] = False  # Tells pytest that the name does not make it a test case.
    name: str = "test"
    api_version: int = API_VERSION
    auth: Auth = NoAuth()
    origins: tuple[str, ...] = ("http://test.invalid",)
    """Required of a provider; nothing is ever sent there."""
    is_rehearsal: bool = True

    def __init__(self) -> None:
        self._counts = Counts()
        self._cancelled: dict[str, None] = {}

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def classify(self, response: HttpResponse) -> Failure:
        return classify_openai(response)

    def wrong_options(self, options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What a script cannot be made of."""
        return Script.wrong_options(options)

    def generate(self, task: Task) -> Flow[Generated]:
        script, fault = self._play(task)
        if fault is not None and not script.fails_as_job(fault):
            yield from wait(script.after or 0.0)
            raise script.failure(fault)
        if not script.job:
            return (yield from self._deliver(task, script))
        handle = {"job": _job_id(task)}
        yield from accepted(handle)
        return (yield from self._finish(task, script, fault, handle["job"]))

    def resume(self, task: Task, handle: Mapping[str, Any]) -> Flow[Generated]:
        """Finish an accepted job, playing the next step of its script."""
        script, fault = self._play(task)
        return (yield from self._finish(task, script, fault, _job_of(handle)))

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]:
        """Call a job off: whoever still waits for it, or resumes it, learns that it failed."""
        self._cancelled[_job_of(handle)] = None
        if len(self._cancelled) > MAX_COUNTS:
            del self._cancelled[next(iter(self._cancelled))]
        yield from progress(message="cancelled")

    def _play(self, task: Task) -> tuple[Script, Fault | None]:
        """The script, and how this call of it fails."""
        script = Script.read({**SCRIPTS.get(task.model, {}), **task.options})
        if script.refuse:
            return script, Fault.REFUSED
        if not script.fail and script.fail_rate is None:
            return script, None
        return script, script.fault(self._counts.next(script.name))

    def _finish(self, task: Task, script: Script, fault: Fault | None,
                job: str) -> Flow[Generated]:  # fmt: skip
        if fault is not None:
            yield from wait(script.after or 0.0)
            raise script.failure(fault)
        self._refuse_cancelled(job)
        generated = yield from self._deliver(task, script)
        self._refuse_cancelled(job)
        return generated

    def _refuse_cancelled(self, job: str) -> None:
        if job in self._cancelled:
            raise fail(Fault.JOB_FAILED, f"job {job} was cancelled")

    def _deliver(self, task: Task, script: Script) -> Flow[Generated]:
        yield from progress(0.0, "sketching")
        drafts = (task.partial_images or 0) if task.stream else 0
        if not drafts:
            yield from _pass_time(script.latency)
        count = task.n if script.images is None else script.images
        images: list[RawImage] = []
        finished = None
        for index in range(count):
            finished = yield from run_in_thread(bound(_paint, task, index, drafts))
            if index == 0 and drafts:
                yield from _show_drafts(finished.drafts, script.latency)
            data = NO_IMAGE_BYTES if script.bad_image else finished.data
            images.append(RawImage(data=data, seed=finished.seed))
            yield from progress((index + 1) / count, "painting")
        return _answer(task, images, finished)


def _pass_time(seconds: float) -> Flow[None]:
    if seconds <= 0:
        return
    for step in range(PROGRESS_STEPS):
        yield from wait(seconds / PROGRESS_STEPS)
        yield from progress(0.9 * (step + 1) / PROGRESS_STEPS, "sketching")


def _show_drafts(drafts: Sequence[bytes], latency: float) -> Flow[None]:
    for index, draft in enumerate(drafts):
        yield from wait(latency / (len(drafts) + 1))
        yield from partial(index, RawImage(data=draft))
    yield from wait(latency / (len(drafts) + 1))


def _paint(task: Task, index: int, drafts: int) -> Finished:
    """Paint one image in a thread; Pillow is imported no sooner than here."""
    from routercore.providers.test.studio import paint

    return paint(task, index, drafts if index == 0 else 0)


def _answer(task: Task, images: Sequence[RawImage], finished: Finished | None) -> Generated:
    quality = task.quality or task.card.default_quality or "medium"
    if finished is None:
        return Generated(images=(), quality=quality, model=task.model)
    pixels = finished.size.pixels * len(images)
    usage = Usage(
        text_in=math.ceil(len(task.prompt) / 4),
        image_in=sum(math.ceil(pixels / 1024) for pixels in finished.input_pixels),
        image_out=math.ceil(pixels / 1024 * QUALITY_TOKENS[quality]),
    )
    return Generated(
        images=tuple(images),
        usage=usage,
        size=str(finished.size),
        quality=quality,
        background=task.background or "opaque",
        model=task.model,
        safety_identifier=task.safety_identifier or task.user,
    )


def _job_id(task: Task) -> str:
    text = f"{task.idempotency_key}|{task.model}|{task.prompt}|{task.seed}|{task.n}"
    return f"test-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _job_of(handle: Mapping[str, Any]) -> str:
    job = handle.get("job")
    if not isinstance(job, str) or not job.startswith("test-"):
        raise fail(Fault.JOB_LOST, f"{job!r} is no job of the test provider")
    return job
