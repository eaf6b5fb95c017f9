"""What holds of idempotency keys after every step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Upstream, error

from routercore.engine.setup import Caller, CallerKey

URL = "/v1/images/generations"
NAMES = ("red", "blue")
EXAMPLES = count()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Upstream, httpx2.Client]]:
    """A server with two callers, over an upstream."""
    folder: Path = tmp_path_factory.mktemp("images")
    keys = tuple(CallerKey(caller=Caller(name=name), key=f"key-of-{name}") for name in NAMES)
    with Upstream() as upstream:
        what = setup(folder, provider("near", upstream.base_url), callers=keys, max_attempts=1)
        with served(router_of(what)) as client:
            yield upstream, client


@pytest.mark.invariant("I7", "I19")
def test_keys_in_any_order(world: tuple[Upstream, httpx2.Client]) -> None:
    """Two callers use few keys for few requests, some of which fail: what was answered once is
    answered with the same bytes, another request is refused, and each key is paid for once."""
    upstream, client = world

    class Machine(KeyMachine):
        def __init__(self) -> None:
            super().__init__(upstream, client)

    steps = settings(max_examples=12, stateful_step_count=15)
    run_state_machine_as_test(Machine, settings=steps)


class KeyMachine(RuleBasedStateMachine):
    """Remembers what each key of each caller was used for, and what came of it."""

    def __init__(self, upstream: Upstream, client: httpx2.Client) -> None:
        super().__init__()
        self.upstream, self.client, self.number = upstream, client, next(EXAMPLES)
        self.known: dict[tuple[str, str], tuple[str, bytes]] = {}
        upstream.reset()

    def ask(self, caller: str, key: str, prompt: str) -> httpx2.Response:
        headers = {"authorization": f"Bearer key-of-{caller}",
                   "idempotency-key": f"{self.number}-{key}"}  # fmt: skip
        body: dict[str, Any] = {"model": MODEL, "prompt": prompt}
        return self.client.post(URL, json=body, headers=headers)

    @rule(
        caller=st.sampled_from(NAMES), key=st.sampled_from("ab"), prompt=st.sampled_from("xy"),
        fails=st.booleans(),
    )  # fmt: skip
    def post(self, caller: str, key: str, prompt: str, fails: bool) -> None:
        """A caller asks with a key, for the first time or again."""
        before = self.upstream.calls
        self.upstream.script.clear()
        if fails:
            self.upstream.script.append(error(500, "boom"))
        answer = self.ask(caller, key, prompt)
        known = self.known.get((caller, key))
        if known is None:
            assert before + 1 == self.upstream.calls
            assert (502 if fails else 200) == answer.status_code
            self.known[caller, key] = (prompt, answer.content)
        elif known[0] == prompt:
            assert known[1] == answer.content
            assert "true" == answer.headers["idempotent-replayed"]
        else:
            assert 422 == answer.status_code

    @invariant()
    def each_key_is_paid_once(self) -> None:
        """However often it is used."""
        assert len(self.known) == self.upstream.calls
