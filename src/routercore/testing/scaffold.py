"""A new plugin, whole: package, transcript, tests, README and a file for continuous integration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from routercore.testing.providers import PNG_BASE64
from routercore.testing.transcripts import Source

SHAPES = ("row", "one-shot", "job", "flow")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(name: str, shape: str, parent: Path) -> list[Path]:
    """Write a plugin that passes the conformance kit as it is.

    Args:
        name: what configurations will call the provider, in lower case, digits and dashes.
        shape: ``row``, ``one-shot``, ``job`` or ``flow``.
        parent: where the folder ``routercore-NAME`` is made.

    Returns:
        The files that were written.

    Raises:
        ValueError: the name or the shape is none, or the folder exists already.
    """
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name; use lower case, digits and dashes, like 'my-vendor'"
        )
    if shape not in SHAPES:
        raise ValueError(f"there is no shape {shape!r}; there are {', '.join(SHAPES)}")
    folder = parent / f"routercore-{name}"
    if folder.exists():
        raise ValueError(f"{folder} exists already")
    words = _words(name)
    contents = {
        "pyproject.toml": _filled("pyproject.toml", words),
        "README.md": _filled("README.md", words),
        ".github/workflows/test.yml": _filled("ci.yml", words),
        f"src/{words['module']}/__init__.py": _filled(f"{shape}.py", words),
        f"src/{words['module']}/py.typed": "",
        f"src/{words['module']}/quality.toml": _filled("quality.toml", words),
        "tests/test_conformance.py": _filled("test_conformance.py", words),
        "tests/transcripts/generate.json": _transcript(shape, words),
    }
    written = []
    for path, content in contents.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")
        written.append(target)
    return written


def _words(name: str) -> dict[str, str]:
    title = name.replace("-", " ").title()
    return {
        "name": name,
        "title": title,
        "classname": title.replace(" ", ""),
        "module": f"routercore_{name.replace('-', '_')}",
        "variable": f"{name.replace('-', '_').upper()}_API_KEY",
        "model": f"{name}-1",
        "base_url": f"https://api.{name}.example/v1",
    }


def _filled(template: str, words: Mapping[str, str]) -> str:
    path = files("routercore.testing") / "templates" / f"{template}.tmpl"
    return Template(path.read_text("utf-8")).substitute(words)


def _transcript(shape: str, words: Mapping[str, str]) -> str:
    """A recorded case in the shape's protocol, until the author records a real one."""
    base, model = words["base_url"], words["model"]
    asked = {"model": model, "prompt": "a lighthouse at dusk"}
    png = PNG_BASE64
    exchanges = {
        "row": [
            _exchange("POST", f"{base}/images/generations", asked, {"data": [{"b64_json": png}]})
        ],
        "one-shot": [_exchange("POST", f"{base}/generate", asked, {"image": png})],
        "job": [
            _exchange("POST", f"{base}/jobs", asked, {"id": "j-1", "status": "queued"}),
            _exchange("GET", f"{base}/jobs/j-1", None, {"id": "j-1", "status": "running"}),
            _exchange("GET", f"{base}/jobs/j-1", None,
                      {"status": "succeeded", "output": f"{base}/results/j-1.png"}),
        ],
        "flow": [
            _exchange("POST", f"{base}/pictures", asked, {"picture": "p-1"}),
            _exchange("GET", f"{base}/pictures/p-1", None, {"base64": png}),
        ],
    }  # fmt: skip
    case = {
        "provider": words["name"],
        "about": "A picture from a prompt.",
        "source": Source.INVENTED.value,
        "task": asked,
        "exchanges": exchanges[shape],
        "result": {"images": 1},
    }
    return json.dumps(case, indent=2) + "\n"


def _exchange(method: str, url: str, sent: Any, received: Any) -> dict[str, Any]:
    request = {"method": method, "url": url}
    if sent is not None:
        request["json"] = sent
    return {"request": request, "response": {"status": 200, "json": received}}
