"""What decides whether a call is made, joined, replayed or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.server.office import DONE, Office

from routercore.server.faults import (
    BusyError,
    KeyReusedError,
    NotFoundError,
)
from routercore.server.records import JobState, Record
from routercore.values.errors import LedgerUnavailableError, RequestError


async def test_a_key_is_joined_and_replayed(office: Office) -> None:
    """The second call under a key makes nothing: it has the job, and then the record."""
    first = await office.begin("1", key="k")
    joined = await office.begin("2", key="k")
    assert (True, False) == (first.is_new, joined.is_new)
    assert first.job is joined.job
    assert 1 == office.jobs.count
    await office.end(first)
    replayed = await office.begin("3", key="k")
    assert (None, DONE, JobState.COMPLETED, False) == (
        replayed.job, replayed.record.outcome, replayed.record.state, replayed.is_new,
    )  # fmt: skip
    assert ["1"] == office.made
    assert ["1"] == office.given_back


async def test_what_a_record_holds(office: Office) -> None:
    """All of the order, and when it began."""
    found = await office.begin("1", key="k", reference="mine", shape={"form": "url"})
    record = found.record
    assert ("1", "a", "k", "mine", "h", {"form": "url"}, JobState.IN_PROGRESS) == (
        record.id, record.owner, record.key, record.reference, record.request_hash, record.shape,
        record.state,
    )  # fmt: skip
    assert 1e9 == record.created


async def test_another_request_under_a_key(office: Office) -> None:
    """It is refused, while the first runs and after, and nothing is made for it."""
    first = await office.begin("1", key="k")
    message = r"^This Idempotency-Key was used for another request\.$"
    with pytest.raises(KeyReusedError, match=message):
        await office.begin("2", key="k", hash="other")
    await office.end(first)
    with pytest.raises(KeyReusedError, match=message):
        await office.begin("3", key="k", hash="other")
    assert ["1"] == office.made


async def test_others_and_those_without_a_key(office: Office) -> None:
    """Nobody joins another owner's call, or one without a key."""
    for id, fields in (
        ("1", {"key": "k"}),
        ("2", {"key": "k", "owner": "b"}),
        ("3", {}),
        ("4", {}),
    ):
        assert (await office.begin(id, **fields)).is_new
    assert ["1", "2", "3", "4"] == office.made


async def test_a_failure_that_cost_nothing_frees_the_key(office: Office) -> None:
    """The same key makes the call again; the record of the first stays without it."""
    first = await office.begin("1", key="k")
    await office.end(first, replace(DONE, status=429, may_repeat=True))
    again = await office.begin("2", key="k")
    assert again.is_new
    record = await office.store.get("1")
    assert (None, 429) == (
        record and record.key,
        record and record.outcome and record.outcome.status,
    )


async def test_what_is_ephemeral_is_not_kept(office: Office) -> None:
    """Its key is taken, and its picture is gone."""
    first = await office.begin("1", key="k", is_ephemeral=True)
    outcome = await office.end(first, replace(DONE, is_ephemeral=True))
    again = await office.begin("2", key="k", is_ephemeral=True)
    assert ((b"picture",), None) == (outcome.parts, again.record.outcome)
    assert ["1"] == office.made


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [(RequestError("wrong"), None, 400), (ValueError("a bug"), "internal_error", 500)],
)
async def test_errors_are_outcomes(
    office: Office, error: Exception, code: str, status: int
) -> None:
    """Whatever is raised ends the job, and is told to all who wait."""
    first = await office.begin("1", key="k")
    outcome = await office.end(first, error)
    assert (code, status) == (outcome.error and outcome.error["code"], outcome.status)
    assert first.job is not None
    assert JobState.FAILED is first.job.record.state
    assert 0 == office.jobs.count


async def test_no_more_than_so_many(office: Office) -> None:
    """A server that has a thousand jobs under way says so, and begins nothing."""
    for number in range(1000):
        await office.begin(str(number))
    with pytest.raises(BusyError, match=r"^The server has as many jobs under way as it can; try"):
        await office.begin("one more")
    assert 1000 == len(office.made)


async def test_what_cannot_be_remembered_is_not_begun(office: Office) -> None:
    """Without its key on record a call could be paid twice."""
    office.store.failures = 1
    with pytest.raises(LedgerUnavailableError):
        await office.begin("1", key="k")
    assert ([], 0) == (office.made, office.jobs.count)


async def test_finding(office: Office) -> None:
    """By id before name, the last of a name, one's own alone; under way, and after."""
    first = await office.begin("1", reference="mine", is_submitted=True)
    second = await office.begin("2", reference="mine")
    third = await office.begin("3", reference="1", key="k")
    for job in (first.job, second.job, third.job):
        assert job is not None
    found = [await office.jobs.find("a", name) for name in ("1", "mine", "3")]
    assert [first.job, second.job, third.job] == [one.job for one in found]
    assert ["1", "2", "3"] == [one.record.id for one in found]
    with pytest.raises(
        NotFoundError, match=r"^There is no such job of this key, or it is forgotten"
    ):
        await office.jobs.find("b", "1")
    await office.end(first)
    later = await office.jobs.find("a", "1")
    assert (None, DONE) == (later.job, later.record.outcome)


async def test_finding_what_only_the_store_knows(office: Office) -> None:
    """A record under way without a job here is some other process's: it is followed."""
    elsewhere = Record(id="x", owner="a", key="k", request_hash="h", created=1.0)
    await office.store.claim(elsewhere)
    found = await office.jobs.find("a", "x")
    assert (None, "x") == (found.job, found.record.id)
    followed = await office.begin("2", key="k")
    assert followed.job is not None
    assert (None, False) == (followed.job.order, followed.is_new)
    assert followed is await office.jobs.current(followed)
    assert [] == office.made
