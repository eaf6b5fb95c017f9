"""A user's workflow as a model: named slots of its graph, and what goes into them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from routercore.provider import Fault, InputImage, ProviderFailed, Task, fail, nearest

OURS = frozenset({"workflow", "slots", "outputs"})
"""Options that describe the workflow; every other one is a value for the slot of its name."""
CALLED = {"width": "size", "height": "size"}
"""Slots that a caller knows by another name."""
SUFFIXES = {"image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
UNNAMED = "workflow"
"""The model's name where the workflow itself says which checkpoint it wants."""


def pictures(task: Task) -> Iterator[tuple[str, InputImage]]:
    """Input pictures by their slots: ``image``, ``image_2`` and so on, and ``mask``."""
    for number, image in enumerate(task.images, 1):
        yield "image" if number == 1 else f"image_{number}", image
    if task.mask is not None:
        yield "mask", task.mask


def stored_as(image: InputImage) -> str:
    """A file's name on the server: the same for the same bytes, so that nothing piles up."""
    return f"routercore-{image.digest[:24]}.{SUFFIXES.get(image.media_type, 'png')}"


def seed_of(task: Task) -> int:
    """The seed asked for, or one of the attempt's own: a workflow's would repeat its picture."""
    if task.seed is not None:
        return task.seed
    return int.from_bytes(sha256(task.idempotency_key.encode()).digest()[:6], "big")


def filled(task: Task, files: Mapping[str, str]) -> dict[str, Any]:
    """The workflow's graph with the task's values in its slots.

    Raises:
        ProviderFailed: there is no workflow, a slot leads nowhere, or something was asked for that
            the workflow has no slot for.
    """
    graph, slots = graph_of(task.options), slots_of(task.options)
    for name, value in _values(task, slots, files).items():
        places = slots.get(name)
        if places is None:
            param = CALLED.get(name, name)
            raise fail(Fault.UNSUPPORTED, f"the workflow has no slot for {name!r}", param=param,
                       only_here=True)  # fmt: skip
        for place in places:
            node, field = _node_at(name, place, graph)
            graph[node]["inputs"][field] = value
    return graph


def wrong_options(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What of a workflow and its slots cannot be right, as far as it is there."""
    try:
        graph = graph_of(options) if "workflow" in options else None
    except ProviderFailed as error:
        yield "workflow", error.failure.message
        graph = None
    if not isinstance(options.get("outputs", []), list):
        yield "outputs", "it takes a list of nodes"
    try:
        slots = slots_of(options)
    except ProviderFailed as error:
        yield "slots", error.failure.message
        return
    for slot, places in slots.items():
        try:
            _ = [_node_at(slot, place, graph) for place in places]
        except ProviderFailed as error:
            yield "slots", error.failure.message
    for name in options.keys() - OURS if slots else ():
        if name not in slots:
            yield name, f"the workflow has no slot for it{nearest(name, {*slots, *OURS})}"


def _node_at(name: str, place: str, graph: Mapping[str, Any] | None) -> tuple[str, str]:
    """The node and its input that a slot leads to, in a graph if there is one."""
    node, _, field = place.rpartition(".")
    if not node or not field:
        raise _wrong(f"slot {name!r} leads to {place!r}, which is not a node, a dot and an input")
    if graph is not None and node not in graph:
        raise _wrong(f"slot {name!r} leads to {place!r}, and there is no such node")
    return node, field


def _values(task: Task, slots: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """What was asked for, by slot; what the workflow may decide itself is left out."""
    asked: dict[str, Any] = {
        "prompt": task.prompt or None,
        "negative_prompt": task.negative_prompt,
        "width": task.size and task.size.width,
        "height": task.size and task.size.height,
        "n": task.n if task.n > 1 else None,
        "seed": seed_of(task) if task.seed is not None or "seed" in slots else None,
        "model": task.model if task.model != UNNAMED and "model" in slots else None,
        **files,
        **{name: value for name, value in task.options.items() if name not in OURS},
    }
    return {name: value for name, value in asked.items() if value is not None}


def graph_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the workflow that can be written to."""
    workflow = options.get("workflow")
    if isinstance(workflow, str):
        try:
            workflow = json.loads(workflow)
        except (ValueError, RecursionError) as error:
            raise _wrong(f"the workflow is not JSON: {error}") from error
    if not isinstance(workflow, Mapping) or not workflow:
        raise _wrong("ComfyUI needs the option 'workflow', a graph in its API format")
    if isinstance(workflow.get("nodes"), list):
        raise _wrong("the workflow is in the editor's format; export it in the API format")
    graph = {}
    for id, node in workflow.items():
        if not isinstance(node, Mapping) or not isinstance(node.get("inputs"), Mapping):
            raise _wrong(f"node {id!r} of the workflow has no inputs")
        graph[str(id)] = {**node, "inputs": dict(node["inputs"])}
    return graph


def slots_of(options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Each slot's places, of which there may be several: ``3.seed``."""
    slots = options.get("slots", {})
    if not isinstance(slots, Mapping):
        raise _wrong("'slots' is a table of names and places")
    return {
        name: [str(place) for place in (places if isinstance(places, list) else [places])]
        for name, places in slots.items()
    }


def _wrong(message: str) -> ProviderFailed:
    return fail(Fault.INVALID_REQUEST, message, param="workflow", only_here=True)
