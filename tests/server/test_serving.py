"""The server as a process: what it binds, what it refuses, how it describes itself."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.serving import listening, provider, router_of, served, setup
from tests.upstreams import Upstream

from routercore import Router
from routercore.engine.setup import Caller, CallerKey, LedgerSetup, ServerSetup, StoreSetup
from routercore.server import create_app
from routercore.server.serving import refuse_strangers, serve
from routercore.state.places import server_ledger
from routercore.values.errors import ConfigError

KEYS = (CallerKey(caller=Caller(name="a"), key="rc-a"),)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "images.example", ""])
def test_strangers_are_refused(tmp_path: Path, host: str) -> None:
    """Beyond this machine the server wants keys, or to be told that it needs none."""
    with pytest.raises(ConfigError, match="no \\[keys\\]"):
        refuse_strangers(setup(tmp_path), host, allow_anonymous=False)

    refuse_strangers(setup(tmp_path), host, allow_anonymous=True)
    refuse_strangers(setup(tmp_path, callers=KEYS), host, allow_anonymous=False)
    anonymous = setup(tmp_path, server=ServerSetup(allow_anonymous=True))
    refuse_strangers(anonymous, host, allow_anonymous=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_needs_no_keys(tmp_path: Path, host: str) -> None:
    """On loopback the server starts without any configuration."""
    refuse_strangers(setup(tmp_path), host, allow_anonymous=False)


def test_an_unusable_store_is_told_at_once(tmp_path: Path) -> None:
    """The server refuses to start where images cannot be kept, and says where that is."""
    (tmp_path / "images").write_text("in the way")
    config = tmp_path / "routercore.toml"
    config.write_text(f'[store]\nurl = "file:{tmp_path}/images"\n')
    with pytest.raises(ConfigError, match=f"images cannot be kept in .*{tmp_path}/images"):
        serve(config)


def test_the_description(client: httpx2.Client) -> None:
    """The OpenAPI document names every path and closes the request's body."""
    document = client.get("/openapi.json").json()

    assert "3.1.0" == document["openapi"]
    paths = {
        *("/auth/test", "/images/generations", "/images/edits", "/images/estimate"),
        *("/images/jobs/{id}", "/images/jobs/{id}/events", "/credits", "/models", "/models/{id}"),
        "/images/models",
    }
    lists = {f"/{version}/models{rest}" for version in ("v2", "v3") for rest in ("", "/{id}")}
    assert {f"/v1{path}" for path in paths} | {f"/v1/openai{path}" for path in paths} | lists | {
        "/health"
    } == document["paths"].keys()
    body = document["components"]["schemas"]["ImageBody"]
    assert ["prompt", "model"] == body["required"]
    assert body["additionalProperties"] is False
    assert document == client.get("/.well-known/openapi.yaml").json()


def test_a_crash_is_a_500_without_its_story(tmp_path: Path, upstream: Upstream) -> None:
    """A mistake of ours is told by its id alone."""

    async def broken(request: Request) -> Response:
        raise ZeroDivisionError("secret")

    router = router_of(setup(tmp_path, provider("near", upstream.base_url)))
    app = create_app(router, owns_router=True)
    app.router.routes.append(Route("/broken", broken))
    with listening(app) as url, httpx2.Client(base_url=url) as client:
        response = client.get("/broken")

    error = response.json()["error"]
    assert (500, "internal_error") == (response.status_code, error["code"])
    assert "secret" not in response.text
    assert response.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("url", [None, "memory:"])
async def test_the_ledger_is_a_file_unless_told(tmp_path: Path, url: str | None) -> None:
    """A server keeps its ledger beside its images, on the disk, unless it is told otherwise."""
    pytest.importorskip("sqlalchemy")
    ledger = server_ledger(LedgerSetup(url=url), StoreSetup(directory=tmp_path / "images"))
    assert [] == await ledger.open_attempts()
    await ledger.close()
    assert (url is None) == (tmp_path / "routercore-ledger.db").is_file()


def test_a_request_leaves_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """At ``info``: the target, the number of images and the seconds, and no prompt."""
    router = Router.from_config({"store": {"url": f"file:{tmp_path}"}}, environ={})
    with caplog.at_level("INFO", logger="routercore"), served(router) as client:
        body = {"model": "test/test", "prompt": "a secret wish", "size": "64x64"}
        assert 200 == client.post("/v1/images/generations", json=body).status_code
    lines = [record.getMessage() for record in caplog.records if record.name == "routercore"]
    assert 1 == len(lines)
    assert "event='request.completed'" in lines[0]
    assert "target='test:test/test' images=1" in lines[0]
    assert "wish" not in lines[0]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (None, "the memory of one process"),
        ("memory:", "the memory of one process"),
        ("sqlite:////var/a:b@c.db?timeout=5", "sqlite:////var/a:b@c.db"),
        ("postgresql://ada:s/e@c:ret@db:5432/money", "postgresql://ada@db:5432/money"),
        ("postgresql://ada@tenant:secret@db/money", "postgresql://ada@tenant@db/money"),
        ("postgresql://db/money?user=ada&password=secret", "postgresql://db/money"),
    ],
)
def test_a_ledger_is_named_without_its_password(url: str | None, told: str) -> None:
    """What the log and the command line say of it can be shown to anybody."""
    assert told == LedgerSetup(url=url).where
