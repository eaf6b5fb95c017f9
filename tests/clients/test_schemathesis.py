"""schemathesis against the server's own description; `nox -s http_contract` installs it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routercore import Router
from routercore.server import create_app

EXAMPLES = 100
"""Requests tried for each operation."""


@pytest.mark.skipif(find_spec("schemathesis") is None, reason="run nox -s http_contract")
@pytest.mark.filterwarnings("ignore")
def test_the_server_does_as_it_says(tmp_path: Path) -> None:
    """No request, valid or not, meets an answer that the OpenAPI document does not have."""
    import schemathesis
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    config = {
        "store": {"url": f"file:{tmp_path}"},
        "server": {"default_model": "test/test"},
        "router": {"deadline": "30s"},
    }
    app = create_app(Router.from_config(config, environ={}))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(data=st.data())
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def check(data: st.DataObject) -> None:
            # A model may be unable to do what the description allows: that is a 400, too.
            case = data.draw(operation.as_strategy())  # noqa: B023 - called before the next one
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        check()
        tried += 1
    assert 27 == tried
