"""ComfyUI: its graph and slots, its uploads, its history, its files."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    Accepted,
    Fault,
    Flow,
    Generated,
    HttpResponse,
    InputImage,
    Provider,
    ProviderFailed,
    Size,
    Task,
)
from routercore.testing.flows import Played, play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import form_values, replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_comfyui import ANY, WORKFLOW, ComfyUI, routercore_providers
from routercore_comfyui.graph import filled, seed_of, stored_as

PROVIDER = ComfyUI()
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
NODES = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 8, "height": 8}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
    "7": {"class_type": "LoadImage", "inputs": {"image": ""}},
}
SLOTS = {
    "prompt": "6.text", "width": "5.width", "height": "5.height", "seed": "3.seed",
    "steps": "3.steps", "image": "7.image",
}  # fmt: skip
OPTIONS: dict[str, Any] = {"workflow": NODES, "slots": SLOTS}
SUBMITTED = {"prompt_id": "e1", "number": 1, "node_errors": {}}
FILES = [{"filename": "a.png", "subfolder": "", "type": "output"}]
DONE = {"e1": {"outputs": {"9": {"images": FILES}}, "status": {"status_str": "success"}}}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "comfyui" == provider.name


def task(**settings: Any) -> Task:
    plain = {"card": WORKFLOW, "prompt": "a red cube", "base_url": PROVIDER.origins[0]}
    return Task(**{**plain, "options": OPTIONS, **settings})


def answer(body: Any, status: int = 200) -> HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=status, body=data)


def run(*bodies: Any, flow: Flow[Generated] | None = None) -> Played[Generated]:
    return play(PROVIDER, flow or PROVIDER.generate(task()), [answer(body) for body in bodies])


@pytest.mark.parametrize("workflow", [NODES, json.dumps(NODES)])
def test_slots_are_filled(workflow: Any) -> None:
    """Values go where the slots lead, and the workflow's own stay as they are."""
    options = {**OPTIONS, "workflow": workflow}
    graph = filled(task(size=Size(64, 32), seed=5, options=options), {})
    assert {"seed": 5, "steps": 20} == graph["3"]["inputs"]
    assert {"width": 64, "height": 32} == graph["5"]["inputs"]
    assert {"text": "a red cube"} == graph["6"]["inputs"]
    assert {"seed": 1, "steps": 20} == NODES["3"]["inputs"]


def test_a_slot_may_have_several_places() -> None:
    """Two encoders of one prompt get the same words; a further option fills its slot."""
    slots = {**SLOTS, "prompt": ["6.text", "6.text_g"]}
    graph = filled(task(options={**OPTIONS, "slots": slots, "steps": 8}), {})
    assert {"text": "a red cube", "text_g": "a red cube"} == graph["6"]["inputs"]
    assert 8 == graph["3"]["inputs"]["steps"]


def test_each_attempt_has_its_own_seed() -> None:
    """Without one asked for, an attempt repeats its own seed and nobody else's."""
    first, second = task(idempotency_key="a"), task(idempotency_key="b")
    assert seed_of(first) == seed_of(task(idempotency_key="a"))
    assert seed_of(first) != seed_of(second)
    assert seed_of(first) == filled(first, {})["3"]["inputs"]["seed"]


def test_a_checkpoint_fills_the_slot_of_the_model() -> None:
    """A model by name goes into its slot; without one, the name is a name."""
    card = ANY.named("other.safetensors")
    slots = {**SLOTS, "model": "4.ckpt_name"}
    nodes = {**NODES, "4": {"class_type": "CheckpointLoaderSimple", "inputs": {}}}
    graph = filled(task(card=card, options={"workflow": nodes, "slots": slots}), {})
    assert {"ckpt_name": "other.safetensors"} == graph["4"]["inputs"]
    assert NODES.keys() == filled(task(card=card), {}).keys()


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"negative_prompt": "people"}, "negative_prompt"),
        ({"images": (PICTURE, PICTURE)}, "image_2"),
        ({"images": (PICTURE,), "mask": PICTURE}, "mask"),
        ({"n": 2}, "n"),
        ({"size": Size(8, 8), "options": {**OPTIONS, "slots": {"prompt": "6.text"}}}, "size"),
        ({"seed": 5, "options": {**OPTIONS, "slots": {"prompt": "6.text"}}}, "seed"),
        ({"options": {**OPTIONS, "cfg": 7}}, "cfg"),
    ],
)
def test_what_has_no_slot_is_refused(settings: dict[str, Any], param: str) -> None:
    """Nothing that was asked for is dropped silently, and nothing is uploaded in vain."""
    played = run({}, flow=PROVIDER.generate(task(**settings)))
    assert played.failed is not None
    failure = played.failed.failure
    assert (Fault.UNSUPPORTED, param, True) == (failure.fault, failure.param, failure.only_here)
    assert [] == played.requests


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs the option 'workflow'"),
        ({"workflow": "{"}, "is not JSON"),
        ({"workflow": 5}, "needs the option 'workflow'"),
        ({"workflow": {"nodes": [], "links": []}}, "export it in the API format"),
        ({"workflow": {"3": {"class_type": "KSampler"}}}, "node '3' of the workflow has no inputs"),
        ({"workflow": NODES, "slots": {"prompt": "99.text"}}, "leads to '99.text'"),
        ({"workflow": NODES, "slots": "6.text"}, "'slots' is a table"),
    ],
)
def test_a_wrong_workflow_is_explained(options: dict[str, Any], words: str) -> None:
    """What is wrong with the deployment is said before anything is sent."""
    with pytest.raises(ProviderFailed, match=words) as raised:
        PROVIDER.build(task(options=options))
    assert Fault.INVALID_REQUEST is raised.value.failure.fault


def test_pictures_are_uploaded_first() -> None:
    """A picture is stored by its digest, free of charge, and the graph gets the name it got."""
    edit = PROVIDER.generate(task(images=(PICTURE,)))
    uploaded = {"name": "x.png", "subfolder": "in", "type": "input"}
    played = run(uploaded, SUBMITTED, DONE, b"png", flow=edit)
    upload, prompt = played.requests[:2]
    assert {"image": "<file>", "overwrite": "true", "type": "input"} == form_values(
        upload.form or ()
    )
    assert stored_as(PICTURE) == (upload.form or ())[0].filename
    assert not upload.is_billable
    assert "in/x.png" == prompt.json["prompt"]["7"]["inputs"]["image"]
    assert b"png" == played.result.images[0].data


def test_everything_goes_to_another_base_url() -> None:
    """Upload, prompt, polls and files all go to the base URL of the task."""
    base = "http://10.0.0.7"
    flow = PROVIDER.generate(task(images=(PICTURE,), base_url=base))
    played = run({"name": "x.png"}, SUBMITTED, DONE, b"png", flow=flow)
    urls = [request.url for request in played.requests]
    view = f"{base}/view?filename=a.png&subfolder=&type=output"
    assert [f"{base}/upload/image", f"{base}/prompt", f"{base}/history/e1", view] == urls


def test_a_job_is_resumed_and_called_off_by_its_handle() -> None:
    """The handle of an accepted job is all that another process needs."""
    notice = run(SUBMITTED).notices[0]
    assert isinstance(notice, Accepted)
    handle = json.loads(json.dumps(notice.handle))
    assert b"png" == run(DONE, b"png", flow=PROVIDER.resume(task(), handle)).result.images[0].data
    elsewhere = answer({"queue_running": [[0, "another", {}], 5], "queue_pending": []})
    requests = play(PROVIDER, PROVIDER.cancel(handle), [answer({}), elsewhere]).requests
    assert [{"delete": ["e1"]}, None] == [request.json for request in requests]
    here = answer({"queue_running": [[0, "e1", {}]]})
    requests = play(PROVIDER, PROVIDER.cancel(handle), [answer({}), here, answer({})]).requests
    assert ("/interrupt", {"prompt_id": "e1"}) == (requests[2].url[-10:], requests[2].json)
    assert not any(request.is_billable for request in requests)


def test_the_checkpoints_are_the_models() -> None:
    """Discovery names each once, beside the workflow that needs none."""
    listed = answer(["sd.safetensors", "flux.safetensors", "sd.safetensors", 5])
    cards = play(PROVIDER, PROVIDER.discover("http://127.0.0.1:9"), [listed]).result
    assert ["workflow", "sd.safetensors", "flux.safetensors"] == [card.id for card in cards]


@pytest.mark.parametrize(
    ("outputs", "options", "names"),
    [
        ({"9": FILES, "8": [{"filename": "p.png", "type": "temp"}]}, {}, ["a.png"]),
        ({"8": [{"filename": "p.png", "type": "temp"}]}, {}, ["p.png"]),
        ({"9": FILES, "10": [{"filename": "b.png", "type": "output"}]}, {}, ["a.png", "b.png"]),
        ({"9": FILES, "10": [{"filename": "b.png", "type": "output"}]}, {"outputs": [10]},
         ["b.png"]),
    ],
)  # fmt: skip
def test_which_pictures_count(outputs: Any, options: Any, names: list[str]) -> None:
    """Saved ones before previews, and those of the named nodes alone."""
    entry = {"outputs": {node: {"images": files} for node, files in outputs.items()}}
    of = task(options={**OPTIONS, **options})
    made = PROVIDER.parse(of, PROVIDER.handle(of, answer(SUBMITTED)), answer({"e1": entry}))
    assert names == [str(image.url).split("filename=")[1].split("&")[0] for image in made.images]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([["execution_start", {}], ["execution_error", {"node_type": "KSampler",
           "exception_message": "out of memory"}]], "KSampler: out of memory"),
        ([["execution_interrupted", {}]], "it was interrupted on the server"),
        ([["novel"]], "the job ended as failed"),
        (None, "the job ended as failed"),
    ],
)  # fmt: skip
def test_a_failed_job(messages: Any, words: str) -> None:
    """A job's end is explained by what the server logged."""
    status = {"status_str": "error", "completed": False, "messages": messages}
    played = run(SUBMITTED, {}, {"e1": {"outputs": {}, "status": status}})
    assert played.failed is not None
    failure = played.failed.failure
    assert (Fault.JOB_FAILED, words) == (failure.fault, failure.message)


def test_a_history_without_a_status() -> None:
    """A job of an old server has ended when it has left something."""
    old = {"e1": {"outputs": DONE["e1"]["outputs"]}}
    assert b"png" == run(SUBMITTED, {}, old, b"png").result.images[0].data


def test_a_picture_that_is_gone() -> None:
    """A file that the server no longer has is a result that cannot be read."""
    script = [answer(SUBMITTED), answer(DONE), answer(b"", 404)]
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert played.failed is not None
    assert Fault.RESULT_UNAVAILABLE is played.failed.failure.fault


def test_it_costs_nothing() -> None:
    """A picture of one's own machine is free."""
    assert Decimal(0) == estimate(ANY, Settings(prompt="x")).expected


@given(replies([{"name": "x.png", "subfolder": ""}, SUBMITTED, {}, DONE, b"png"]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure, and submits once."""
    played = play(PROVIDER, PROVIDER.generate(task(images=(PICTURE,))), script)
    assert (played.value is None) != (played.failed is None)
    assert sum(request.url.endswith("/prompt") for request in played.requests) <= 1
