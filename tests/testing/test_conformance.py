"""The kit itself: a good provider passes; fourteen broken ones fail exactly the intended check."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.testing.kiln import BASE, CARD, Kiln, failed, transcript

from routercore.provider import (
    Failure,
    Fault,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    ModelCard,
    Operation,
    Task,
    accepted,
    bearer,
    call,
    classify_openai,
    compact,
    fail,
    get,
    post_json,
    wait,
)
from routercore.testing.conformance import (
    CHECKS,
    Grade,
    ProviderTests,
    Quality,
    Subject,
    grade_of,
    run_checks,
)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    (tmp_path / "generate.json").write_text(json.dumps(transcript()))
    dreamt = transcript(provider="dreamer", source="invented")
    (tmp_path / "dreamt.json").write_text(json.dumps(dreamt))
    return tmp_path


def test_a_good_provider_passes_everything(recorded: Path) -> None:
    """Nothing fails, and only more transcripts stand between it and platinum."""
    subject = Subject(Kiln(), recorded)
    assert {} == failed(subject)
    assert Grade.GOLD is grade_of(run_checks(subject), subject)


class BadVariable(Kiln):
    """loads: an environment variable that nobody would look for."""

    auth = bearer("kiln_api_key")


class Contradictory(Kiln):
    """declares: edits without input images."""

    def catalogue(self) -> Sequence[ModelCard]:
        odd = ModelCard(id="glaze", operations=frozenset({Operation.EDIT}))
        return (CARD, odd)


class OtherField(Kiln):
    """replays: it sends a field that the recording does not have that way."""

    def build(self, task: Task) -> HttpRequest:
        return post_json(task.url("/jobs"), {"prompt": task.prompt.upper()})


class Blames(Kiln):
    """classifies: takes the vendor's own failures for the caller's."""

    def classify(self, response: HttpResponse) -> Failure:
        failure = classify_openai(response)
        is_own = response.status == 500
        return replace(failure, fault=Fault.INVALID_REQUEST) if is_own else failure


class Signs(Kiln):
    """secrets: puts a credential on the request itself."""

    def build(self, task: Task) -> HttpRequest:
        return super().build(task).with_headers({"x-api-key": "sk-mine"})


class Trusting(Kiln):
    """mutates: believes that the answer is what it should be."""

    def handle(self, task: Task, response: HttpResponse) -> dict[str, Any]:
        return {"poll": task.url("/jobs/" + response.json()["id"])}


class Clinging(Kiln):
    """cut: goes on when it is closed."""

    def generate(self, task: Task) -> Flow[Generated]:
        try:
            return (yield from super().generate(task))
        except GeneratorExit:
            yield from call(get(task.url("/goodbye")))
            raise


class Forgetful(Kiln):
    """pure: remembers, so that the second time differs from the first."""

    count = 0

    def build(self, task: Task) -> HttpRequest:
        self.count += 1
        return super().build(task).with_headers({"x-count": str(self.count)})


class Unpriced(Kiln):
    """bills: nobody can tell what it cost."""

    def catalogue(self) -> Sequence[ModelCard]:
        return (replace(CARD, prices=()),)


class Deaf(Kiln):
    """sends: promises a seed, and keeps it to itself."""

    def catalogue(self) -> Sequence[ModelCard]:
        return (replace(CARD, seed=True),)


class HardOfHearing(Kiln):
    """Hears a seed where it draws, and nothing but the first picture where it edits."""

    def catalogue(self) -> Sequence[ModelCard]:
        both = frozenset({Operation.GENERATE, Operation.EDIT})
        return (replace(CARD, seed=True, operations=both, max_images=2, max_n=2),)

    def build(self, task: Task) -> HttpRequest:
        if task.images:
            return post_json(task.url("/edits"), {"image": task.images[0].base64})
        return post_json(task.url("/jobs"), compact({"prompt": task.prompt, "seed": task.seed}))


class Amnesiac(Kiln):
    """resumes: wants to know more of the task than its handle says."""

    def parse(self, task: Task, handle: Any, response: HttpResponse) -> Generated:
        if not task.prompt:
            raise fail(Fault.JOB_LOST, "whatever this was")
        return super().parse(task, handle, response)


class Dreamer(Kiln):
    """sources: nobody has seen the vendor answer so."""

    name = "dreamer"


class Stubborn(Kiln):
    """properties: goes to its own address wherever it is told to go."""

    def build(self, task: Task) -> HttpRequest:
        return post_json(f"{BASE}/jobs", {"prompt": task.prompt})


class Impatient(Kiln):
    """polite: asks a hundred times a second."""

    poll_every = 0.01


class Slow(Kiln):
    """speed: holds up the loop over a large answer."""

    def parse(self, task: Task, handle: Any, response: HttpResponse) -> Generated:
        end = time.process_time() + len(response.body) / 100_000_000
        while time.process_time() < end:
            pass
        return super().parse(task, handle, response)


BROKEN: dict[str, Callable[[], Kiln]] = {
    "loads": BadVariable,
    "declares": Contradictory,
    "replays": OtherField,
    "classifies": Blames,
    "secrets": Signs,
    "mutates": Trusting,
    "cut": Clinging,
    "pure": Forgetful,
    "bills": Unpriced,
    "sends": Deaf,
    "resumes": Amnesiac,
    "sources": Dreamer,
    "properties": Stubborn,
    "polite": Impatient,
    "speed": Slow,
}


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_provider_fails_exactly_the_intended_check(check: str, recorded: Path) -> None:
    """Each of the fifteen is wrong in one way, and the kit says that way and no other."""
    assert [check] == list(failed(Subject(BROKEN[check](), recorded)))


def test_every_operation_sends_what_is_declared(recorded: Path) -> None:
    """What is dropped where a model edits is found as well, and so is how many there are to be."""
    found = failed(Subject(HardOfHearing(), recorded))
    told = "n to generate, prompt to edit, seed to edit, n to edit, images to edit"
    assert told in found.pop("sends")
    assert {} == found


def test_there_is_a_broken_provider_for_every_check() -> None:
    """No check goes untested."""
    assert [check.name for check in CHECKS] == list(BROKEN)


class Paces(Kiln):
    """A job that is never resumed, of which each subclass is wrong in one way."""

    def cancel(self, handle: Any) -> Flow[None]:
        yield from call(HttpRequest(method="DELETE", url=handle["poll"]), raw=True)


class Pays(Paces):
    """It pays to call a job off."""

    def cancel(self, handle: Any) -> Flow[None]:
        yield from call(post_json(handle["poll"], {}), raw=True)


class Shrugs(Paces):
    """It calls nothing off."""

    def cancel(self, handle: Any) -> Flow[None]:
        yield from wait(0.0)


class Opaque(Kiln):
    """Its handle is no JSON."""

    def handle(self, task: Task, response: HttpResponse) -> dict[str, Any]:
        return {**super().handle(task, response), "task": task}


@pytest.mark.parametrize(
    ("provider", "problem"),
    [(Pays(), "billable"), (Shrugs(), "asks nothing"), (Opaque(), "not JSON")],
    ids=["pays", "shrugs", "opaque"],
)
def test_a_handle_must_do(provider: Kiln, problem: str, recorded: Path) -> None:
    """In JSON, and for calling the job off without paying for that."""
    assert {} == failed(Subject(Paces(), recorded))
    found = failed(Subject(provider, recorded))
    assert ["resumes"] == list(found)
    assert problem in found["resumes"]


def test_a_job_that_cannot_be_resumed_needs_a_reason(recorded: Path) -> None:
    """A provider that says it was accepted and has no way back fails the check."""

    class Leaves(Kiln):
        resume = None  # type: ignore[assignment]

        def generate(self, task: Task) -> Flow[Generated]:
            response = yield from call(self.build(task))
            handle = self.handle(task, response)
            yield from accepted(handle)
            return (yield from super().resume(task, handle))

    assert "has no resume" in failed(Subject(Leaves(), recorded))["resumes"]


def test_a_transcript_says_its_source(recorded: Path) -> None:
    """One of three words, and none is as bad as invented: the grade is bronze."""
    subject = Subject(Dreamer(), recorded)
    assert Grade.BRONZE is grade_of(run_checks(subject), subject)
    case = transcript()
    del case["source"]
    (recorded / "generate.json").write_text(json.dumps(case))
    assert "says no source" in failed(Subject(Kiln(), recorded))["sources"]
    (recorded / "generate.json").write_text(json.dumps(transcript(source="hearsay")))
    assert "hearsay" in failed(Subject(Kiln(), recorded))["sources"]


def test_a_provider_without_transcripts_is_no_bronze(tmp_path: Path) -> None:
    """What was never recorded is not known to work."""
    subject = Subject(Kiln(), tmp_path)
    assert Grade.NONE is grade_of(run_checks(subject), subject)


def test_checks_cannot_be_overridden() -> None:
    """A subclass that replaces a check is refused when it is defined."""
    with pytest.raises(TypeError, match="cannot be overridden"):

        class Cheat(ProviderTests):
            provider = Kiln()

            def test_check(self, check: Any) -> None: ...


def test_an_expected_failure_that_passes_is_not_fine(recorded: Path) -> None:
    """The exception has to go when its reason is gone."""
    quality = Quality(exceptions={"bills": "the vendor publishes no price"})
    outcomes = run_checks(Subject(Kiln(), recorded), quality)
    assert ["bills"] == [o.check.name for o in outcomes if not o.is_fine]


def test_an_exception_needs_a_reason(tmp_path: Path) -> None:
    """Neither an unknown check nor an empty reason is accepted."""
    path = tmp_path / "quality.toml"
    path.write_text('grade = "gold"\n[exceptions]\nbills = "because"\n')
    with pytest.raises(ValueError, match="needs a reason"):
        Quality.read(path)
    path.write_text('[exceptions]\nbilling = "no price is published"\n')
    with pytest.raises(ValueError, match="no check 'billing'"):
        Quality.read(path)


def test_a_written_quality_file_reads_back(tmp_path: Path) -> None:
    """What the tool writes is what it reads."""
    quality = Quality(Grade.SILVER, {"speed": "the vendor sends pictures as text"})
    path = tmp_path / "quality.toml"
    path.write_text(quality.written())
    assert quality == Quality.read(path)
