"""What importing costs, told by the modules that are loaded and not by a clock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HTTP_CLIENTS = {"aiohttp", "httpcore", "httpcore2", "httpx", "httpx2", "requests", "urllib3"}


def loaded(statement: str) -> set[str]:
    """The top-level packages that a statement loads into an interpreter of its own."""
    # Site-packages may load modules at start-up by .pth files: only what the statement adds counts.
    code = (
        "import sys, json; before = set(sys.modules)\n"
        f"{statement}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(ran.stdout)}


def third_party(packages: set[str]) -> set[str]:
    """Those that are neither of the standard library nor routercore."""
    return {name for name in packages if name not in sys.stdlib_module_names} - {"routercore"}


def test_routercore_loads_no_http_client() -> None:
    """`import routercore` loads no HTTP client."""
    assert set() == HTTP_CLIENTS & loaded("import routercore")


def test_routercore_loads_no_third_party_package() -> None:
    """`import routercore` loads no third-party package before a public name asks for one."""
    assert set() == third_party(loaded("import routercore"))


@pytest.mark.parametrize("package", ["values", "provider", "routing"])
def test_contract_loads_the_standard_library_alone(package: str) -> None:
    """What plugins and planning import loads no third-party package at all."""
    assert set() == third_party(loaded(f"import routercore.{package}"))


def test_contract_loads_no_asyncio() -> None:
    """A plugin that imports its contract does not pay for asyncio, ssl or logging."""
    assert set() == {"asyncio", "ssl", "logging"} & loaded("import routercore.provider")


def test_every_public_name_exists_and_is_sorted() -> None:
    """Each name in `routercore.__all__` can be had, and the names are sorted."""
    statement = (
        "import routercore\n"
        "assert sorted(routercore.__all__) == list(routercore.__all__)\n"
        "for name in routercore.__all__: getattr(routercore, name)"
    )
    assert "routercore" in loaded(statement)
