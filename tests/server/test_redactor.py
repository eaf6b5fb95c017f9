"""What a client reads of upstreams: no key, no host, no control character."""

from __future__ import annotations

import pytest

from routercore.engine.addresses import resolve_public
from routercore.engine.transport.base import BlockedAddressError
from routercore.server.faults import Redactor, failure_body
from routercore.values.faults import Failure, Fault

REDACTOR = Redactor(())


async def test_a_host_that_is_not_fetched_stays_unnamed() -> None:
    """Where a result's address is refused, the client is not told which host it was."""
    with pytest.raises(BlockedAddressError) as refused:
        await resolve_public("localhost", 80)
    told = REDACTOR.clean(str(refused.value))
    assert "[address] has an address that is not public" == told


def test_all_words_of_a_missing_image_are_cleaned() -> None:
    """The field that an upstream blames goes through the same filter as its message."""
    failure = Failure(fault=Fault.NO_IMAGE, message="at https://x.internal/", param="http://h/\x00")
    body = failure_body(failure, REDACTOR)
    assert ("at [address]", "[address]") == (body["message"], body["param"])
