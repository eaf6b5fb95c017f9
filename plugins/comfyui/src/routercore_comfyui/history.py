"""What the server tells of a job: its history, and what was wrong with its graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from routercore.provider import HttpResponse, JobState, JobStatus, at, list_at, text_at


def standing(response: HttpResponse) -> JobStatus:
    """How a job stands."""
    entry = _entry(response)
    word = text_at(entry, "status", "status_str") or ""
    if word == "error":
        return JobStatus(JobState.FAILED, _problem(entry))
    # Old servers tell no status; a job enters the history when it has ended.
    is_done = word == "success" or at(entry, "status", "completed") is True
    is_old = at(entry, "status") is None and bool(at(entry, "outputs"))
    return JobStatus(JobState.DONE if is_done or is_old else JobState.PENDING, word)


def saved(response: HttpResponse, nodes: Sequence[str]) -> list[dict[str, str]]:
    """The pictures of these nodes, or of all: how each is asked for."""
    outputs = at(_entry(response), "outputs")
    files = [
        file
        for node, made in (outputs.items() if isinstance(outputs, dict) else ())
        if not nodes or node in nodes
        for file in list_at(made, "images")
        if text_at(file, "filename")
    ]
    kept = [file for file in files if text_at(file, "type") == "output"] or files
    names = ("filename", "subfolder", "type")
    return [{name: text_at(file, name) or "" for name in names} for file in kept]


def _entry(response: HttpResponse) -> Any:
    """The one job of a history, or ``None`` while it is not in there."""
    return next(iter(response.object().values()), None)


def wrong_nodes(body: Mapping[str, Any]) -> list[Any]:
    """What was wrong with the nodes of a graph that the server did not take."""
    nodes = body.get("node_errors")
    return list(nodes.values()) if isinstance(nodes, dict) else []


def _problem(entry: Any) -> str:
    """Why a job ended, out of what the server logged of it."""
    for message in list_at(entry, "status", "messages"):
        kind = at(message, 0)
        if kind == "execution_interrupted":
            return "it was interrupted on the server"
        if kind == "execution_error":
            node = text_at(message, 1, "node_type") or "a node"
            return f"{node}: {text_at(message, 1, 'exception_message') or 'it failed'}"
    return ""
