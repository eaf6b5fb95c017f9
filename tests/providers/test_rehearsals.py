"""The embedded provider fails on demand, as scripts say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.providers.kit import (
    Played,
    faults,
    play,
    rehearse,
    task,
)

from routercore.provider import (
    Accepted,
    Emit,
    Fault,
    Progress,
)
from routercore.providers.test import TestProvider
from routercore.providers.test.cards import CARDS, SCRIPTS


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
