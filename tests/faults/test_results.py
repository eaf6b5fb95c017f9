"""Results behind URLs: the work is done and paid for, and only its picture is still to be had."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.faults.kit import Stage, faults, images_api, jobs_api
from tests.faults.memory import counts_memory, kept_below

from routercore.engine.transport.base import Transport
from routercore.routing.policy import OnLostResult
from routercore.testing.faulty import FaultyUpstream, steps

Transports = Callable[..., Transport]
LINKED = steps.serve(form="url")


@pytest.mark.fault("F26", how="500 three times for the result's URL, then the picture")
async def test_result_after_errors(first: FaultyUpstream, transport: Transports) -> None:
    """Only the GET is repeated: one invoice, one picture."""
    first.script(LINKED, steps.error(500, on="result", times=3))
    async with Stage(first, injected={"transport": transport()}) as stage:
        result = await stage.ask()
        assert (1, 1) == (len(result.attempts), len(stage.invoice()))
        assert (1, 4) == (len(first.seen("make")), len(first.seen("result")))


@pytest.mark.fault("F26", how="a result that is reset, then cut, then stalls until it is whole")
async def test_result_that_breaks_off(first: FaultyUpstream, transport: Transports) -> None:
    """A download that does not arrive whole is begun anew."""
    first.script(LINKED, steps.reset(on="result"), steps.cut(on="result"),
                 steps.close(on="result"))  # fmt: skip
    async with Stage(first, injected={"transport": transport()}) as stage:
        assert 1 == len((await stage.ask()).attempts)
        assert (1, 4) == (len(first.seen("make")), len(first.seen("result")))


@pytest.mark.fault("F26", how="500 for the result's URL, always")
async def test_result_that_never_comes(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """After four tries the picture is lost, and so posted; nobody makes another unasked."""
    first.script(LINKED, steps.error(500, on="result", times=0))
    async with Stage(first, second) as stage:
        assert ["result_unavailable"] == faults(await stage.fails())
        assert ["paid-lost"] == await stage.kinds()
        assert 4 == len(first.seen("result"))
    assert 0 == second.connections


@pytest.mark.fault("F26", how="500 for the result's URL, always, and on_lost_result = failover")
async def test_result_that_is_made_again(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """Where the configuration says so, the next target makes another."""
    first.script(LINKED, steps.error(500, on="result", times=0))
    again = {"on_lost_result": OnLostResult.FAILOVER}
    async with Stage(first, second, route_more=again) as stage:
        assert ["result_unavailable", None] == faults(await stage.ask())
        assert ["paid-lost", "posted"] == await stage.kinds()
        assert 4 == len(first.seen("result"))


@pytest.mark.fault("F27", how="result URLs that lead to a private address, by any spelling")
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f.1",
             "[::ffff:127.0.0.1]"],
)  # fmt: skip
async def test_private_results(
    first: FaultyUpstream, third: FaultyUpstream, transport: Transports, host: str
) -> None:
    """Nothing inside is reached; the picture is lost, said so, and on the books."""
    first.script(steps.serve(form="url", url=f"http://{host}:{third.port}/x.png"))
    async with Stage(first, injected={"transport": transport()}) as stage:
        error = await stage.fails()
        assert ["result_unavailable"] == faults(error)
        assert ["paid-lost"] == await stage.kinds()
        assert "its URL is not fetched" in stage.named("attempt.failed")[0].fields["message"]
    assert 0 == third.connections


@pytest.mark.fault("F27", how="ten redirects; redirects to a private address")
@pytest.mark.parametrize("where", ["round", "inside"])
async def test_redirected_results(first: FaultyUpstream, third: FaultyUpstream, where: str) -> None:
    """Three redirects are followed at most, and each is held to the same rules."""
    target = first.origin if where == "round" else third.origin
    hop = steps.answer(302, text="", headers={"location": f"{target}/results/x"}, on="result",
                       times=0)  # fmt: skip
    first.script(LINKED, hop)
    async with Stage(first) as stage:
        assert ["result_unavailable"] == faults(await stage.fails())
        assert ["paid-lost"] == await stage.kinds()
    assert 0 == third.connections
    assert len(first.seen("result")) == (4 * 4 if where == "round" else 1)


@pytest.mark.fault("F28", how="403, 404 or 410 for the result's URL")
@pytest.mark.parametrize("status", [403, 404, 410])
async def test_expired_results(first: FaultyUpstream, status: int) -> None:
    """An expired URL is not asked again; the error has what the job can be found by."""
    first.script(steps.error(status, on="result", times=0))
    async with Stage((jobs_api("first", first), first)) as stage:
        error = await stage.fails()
        assert ["paid-lost"] == await stage.kinds()
        assert 1 == len(first.seen("result"))
        assert first.jobs[0]["id"] == error.attempts[0].handle["id"]  # type: ignore[attr-defined]


@pytest.mark.fault("F24", how="a result of 1 GB behind a URL")
@counts_memory
async def test_a_huge_result(first: FaultyUpstream, transport: Transports) -> None:
    """A download is cut at the size that an image may have, by default at less than 64 MiB."""
    first.script(LINKED, steps.flood(1024**3, on="result", times=0))
    async with Stage(first, injected={"transport": transport()}) as stage:
        with kept_below(64 * 1024**2):
            assert ["bad_image"] == faults(await stage.fails())
        assert ["paid-lost"] == await stage.kinds()


@pytest.mark.fault("F27", how="a trusted origin beside an untrusted one")
async def test_trusted_results(first: FaultyUpstream, third: FaultyUpstream) -> None:
    """What the operator trusts is fetched, unsigned, and nothing else of that network."""
    first.script(steps.serve(form="url", url=f"{third.origin}/results/{{nonce}}.png"))
    own = images_api("first", first, result_origins=frozenset({third.origin}))
    async with Stage((own, first)) as stage:
        await stage.ask()
        assert ["posted"] == await stage.kinds()
    assert [None] == [one.headers.get("authorization") for one in third.seen("result")]
