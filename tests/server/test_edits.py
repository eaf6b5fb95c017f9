"""POST /v1/images/edits: every spelling of pictures that clients use."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path

import httpx2
import pytest
from tests.serving import MODEL, card, provider, route, router_of, served, setup
from tests.upstreams import Upstream, mask, picture

from routercore.provider import HttpResponse, Operation
from routercore.testing.transport import FakeTransport, json_answer

URL = "/v1/images/edits"
FIELDS = {"model": MODEL, "prompt": "a red roof"}
DATA_URL = "data:image/png;base64," + base64.b64encode(picture()).decode()
UPLOAD = ("x.png", picture(), "application/octet-stream")


def arrived(upstream: Upstream) -> tuple[int, int]:
    """How many images and masks the upstream was sent."""
    body = upstream.received[-1].body
    images = body.count(b'name="image"') + body.count(b'name="image[]"')
    return images, body.count(b'name="mask"')


@pytest.mark.parametrize("url", [URL, "/v1/openai/images/edits", "/v1/images/generations"])
@pytest.mark.parametrize("field", ["image", "image[]", "image[0]"])
@pytest.mark.parametrize("mask_field", ["mask", "mask[]", "mask[0]"])
def test_forms(
    client: httpx2.Client, upstream: Upstream, url: str, field: str, mask_field: str
) -> None:
    """A form's image and mask are found under every name in use."""
    files = [(field, UPLOAD), (mask_field, ("m.png", mask(), "image/png"))]

    answer = client.post(url, data=FIELDS, files=files)

    assert 200 == answer.status_code, answer.text
    assert (1, 1) == arrived(upstream)


def test_several_images(client: httpx2.Client, upstream: Upstream) -> None:
    """Images of one field keep their number and come after another in order."""
    files = [("image[]", UPLOAD), ("image[]", ("y.png", picture(32, 32), "image/png"))]

    client.post(URL, data=FIELDS, files=files)

    assert (2, 0) == arrived(upstream)
    body = upstream.received[-1].body
    assert body.index(picture()) < body.index(picture(32, 32))


@pytest.mark.parametrize(
    "pictures",
    [
        {"images": [{"image_url": DATA_URL}]},
        {"images": [DATA_URL]},
        {"image": DATA_URL},
        {"image": [DATA_URL]},
        {"image[]": [DATA_URL]},
        {"image[]": [DATA_URL], "image": None},
        {"image[]": None, "image": DATA_URL},
        {"image": {"image_url": DATA_URL, "file_id": None}},
    ],
)
def test_json(client: httpx2.Client, upstream: Upstream, pictures: dict[str, object]) -> None:
    """JSON refers to images by data URL, in OpenAI's form and in ImageRouter's."""
    answer = client.post(URL, json={**FIELDS, **pictures, "mask": {"image_url": DATA_URL}})

    assert 200 == answer.status_code, answer.text
    assert (1, 1) == arrived(upstream)


@pytest.mark.parametrize("extra", [{}, {"extra_body": {"image[]": [DATA_URL]}}])
def test_two_names_of_one_field(
    client: httpx2.Client, upstream: Upstream, extra: dict[str, object]
) -> None:
    """In JSON one of them would be dropped, so they are refused; in a form every file counts."""
    both = {"image": DATA_URL, **(extra or {"image[]": [DATA_URL]})}
    answer = client.post(URL, json={**FIELDS, **both})

    error = answer.json()["error"]
    assert (400, "invalid_value", "image[]") == (answer.status_code, error["code"], error["param"])
    assert "give one of them" in error["message"]
    assert 0 == upstream.calls

    files = [(name, UPLOAD) for name in ("image", "image[]", "image[1]", "images")]
    assert 200 == client.post(URL, data=FIELDS, files=files).status_code
    assert (4, 0) == arrived(upstream)


@pytest.mark.parametrize("field", ["image", "image[]", "image[0]", "images"])
def test_data_url_in_a_form(client: httpx2.Client, upstream: Upstream, field: str) -> None:
    """A form's image may be text, too: a data URL."""
    parts = {name: (None, value) for name, value in {**FIELDS, field: DATA_URL}.items()}

    assert 200 == client.post(URL, files=parts).status_code
    assert (1, 0) == arrived(upstream)


@pytest.mark.parametrize("encoding", ["json", "form"])
def test_urls(tmp_path: Path, encoding: str) -> None:
    """Pictures behind URLs are fetched, from public addresses alone, and sent as bytes."""
    made = json_answer({"data": [{"b64_json": base64.b64encode(picture()).decode()}]})
    found = HttpResponse(status=200, body=picture(32, 32))
    transport = FakeTransport(lambda sent: found if sent.method == "GET" else made)
    urls = {name: f"https://photos.example/{name}.png" for name in ("image", "markup")}
    what = setup(tmp_path, provider("near", "https://near.example", card(accepts={"markup"})))
    with served(router_of(what, transport=transport)) as client:
        if encoding == "json":
            answer = client.post(URL, json={**FIELDS, **urls})
        else:
            answer = client.post(URL, files={n: (None, v) for n, v in {**FIELDS, **urls}.items()})

    assert 200 == answer.status_code, answer.text
    *fetched, asked = transport.sent
    assert [(url, True) for url in urls.values()] == [
        (sent.request.url, sent.public_only) for sent in fetched
    ]
    pictures = {part.name: part.data for part in asked.request.form or ()}
    assert [picture(32, 32)] * 2 == [pictures[name] for name in urls]


def test_ids_of_files(client: httpx2.Client, upstream: Upstream) -> None:
    """Where no files are kept, one is not looked for, and it is said what to send instead."""
    for place in ({"images": [{"file_id": "file-1"}]}, {"image": {"file_id": "file-1"}}):
        error = client.post(URL, json={**FIELDS, **place}).json()["error"]

        assert ("invalid_value", "image") == (error["code"], error["param"])
        assert "no file_id: send the image itself, or its image_url" in error["message"]
    assert 0 == upstream.calls


@pytest.mark.parametrize("field", ["images", "image"])
def test_sixteen_images(client: httpx2.Client, upstream: Upstream, field: str) -> None:
    """Sixteen images go through, in JSON and in a form; of one more it is said what is allowed."""

    def post(count: int) -> httpx2.Response:
        if field == "images":
            return client.post(URL, json={**FIELDS, field: [DATA_URL] * count})
        return client.post(URL, data=FIELDS, files=[("image[]", UPLOAD)] * count)

    assert 200 == post(16).status_code
    assert (16, 0) == arrived(upstream)
    answer = post(17)
    error = answer.json()["error"]
    assert (400, field, "invalid_value") == (answer.status_code, error["param"], error["code"])
    assert "16" in error["message"]
    assert 1 == upstream.calls


def fields(image: str) -> dict[str, str]:
    return {**FIELDS, "image": image}


def heavy(size: int) -> bytes:
    """A small picture in so many bytes: the most of them are a note that nobody reads."""
    small = picture()
    note = b"noTe" + bytes(size - len(small) - 12)
    end = len(small) - 12
    return b"".join((small[:end], struct.pack(">I", len(note) - 4), note,
                     struct.pack(">I", zlib.crc32(note)), small[end:]))  # fmt: skip


def test_fifty_megabytes(client: httpx2.Client, upstream: Upstream) -> None:
    """An image may have 50 MB, to the byte and in any form; a larger one is refused by its name."""
    for bytes_over, status in ((0, 200), (1, 413)):
        image = heavy(50 * 1024 * 1024 + bytes_over)
        reference = "data:image/png;base64," + base64.b64encode(image).decode()
        form = client.post(URL, data=FIELDS, files=[("image", ("x.png", image, "image/png"))])
        text = client.post(URL, files={n: (None, v) for n, v in fields(reference).items()})
        body = client.post(URL, json=fields(reference))

        assert [status] * 3 == [form.status_code, text.status_code, body.status_code]
    assert "'image' is larger than 52,428,800 bytes" in form.json()["error"]["message"]
    assert ["image"] * 2 == [one.json()["error"]["param"] for one in (text, body)]
    assert 3 == upstream.calls


def test_models_that_need_a_mask(upstream: Upstream, tmp_path: Path) -> None:
    """An edit without one is done by whoever needs none; where nobody is left, it is refused."""
    fills = provider("fills", upstream.base_url, card(operations=frozenset({Operation.INPAINT})))
    what = setup(tmp_path, fills, provider("edits", upstream.base_url),
                 routes=(route("fills", "edits"),))  # fmt: skip
    body = {**FIELDS, "image": DATA_URL}
    with served(router_of(what)) as client:
        served_by = [
            client.post(URL, json={**body, **more}).json()["provider"]
            for more in ({}, {"mask": {"image_url": DATA_URL}})
        ]
    with served(router_of(setup(tmp_path, fills))) as client:
        refused = client.post(URL, json=body)

    assert ["edits", "fills"] == served_by
    error = refused.json()["error"]
    assert (400, "unsupported_by_all_targets") == (refused.status_code, error["code"])
    assert ("mask", True) == (error["param"], "needs a mask" in error["message"])
    assert 2 == upstream.calls


def test_bracketed_objects(client: httpx2.Client, upstream: Upstream) -> None:
    """Options of one provider may be bracketed fields, or JSON text, and reach it alone."""
    for options in (
        {"provider_options[near][steps]": "4"},
        {"provider_options": json.dumps({"near": {"steps": "4"}, "far": {"x": 1}})},
    ):
        client.post(URL, data={**FIELDS, **options}, files=[("image", UPLOAD)])

        body = upstream.received[-1].body
        assert (1, 0) == (body.count(b'name="steps"'), body.count(b'name="x"'))


def test_an_edit_needs_an_image(client: httpx2.Client) -> None:
    """Without an image an edit is a 400 that names the field, as OpenAI has it."""
    error = client.post(URL, json=FIELDS).json()["error"]

    assert ("invalid_value", "image") == (error["code"], error["param"])


def test_text_alone_under_imagerouters_prefix(client: httpx2.Client) -> None:
    """ImageRouter's edits also serve a prompt alone."""
    assert 200 == client.post("/v1/openai/images/edits", json=FIELDS).status_code


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"file_id": "file-1"}, "invalid_value"),
        ({}, "invalid_value"),
        ("https://127.0.0.1/x.png", "invalid_image_url"),
        ("https://localhost:1/x.png", "invalid_image_url"),
        ("https://169.254.169.254/latest/meta-data", "invalid_image_url"),
        ("https://[::ffff:127.0.0.1]/", "invalid_image_url"),
        ("http://example.com/x.png", "invalid_image_url"),
        ("file:///etc/passwd", "invalid_image_url"),
        ("https://example.com/\u202e", "invalid_image_url"),
        ("data:image/png;base64,@@@", "invalid_base64_image"),
        ("data:image/png;base64,", "empty_image_file"),
        ("data:image/png,abc", "invalid_image_url"),
        ("data:image/png;base64," + base64.b64encode(b"<svg/>").decode(), "invalid_image_format"),
        ("data:image/png;base64," + base64.b64encode(picture()[:20]).decode(),
         "invalid_image_format"),
        ("data:image/png;base64," + base64.b64encode(picture()[:-20]).decode(),
         "invalid_image_format"),
    ],
)  # fmt: skip
def test_pictures_that_are_none(
    client: httpx2.Client, upstream: Upstream, source: object, code: str
) -> None:
    """What is no picture, or where none may be fetched, is a 400 that names the field."""
    response = client.post(URL, json={**FIELDS, "image": source})

    error = response.json()["error"]
    assert (400, code, "image") == (response.status_code, error["code"], error["param"])
    assert 0 == upstream.calls


def test_too_many_pictures(client: httpx2.Client, upstream: Upstream) -> None:
    """More pictures than anybody takes are refused with their number, in whatever fields."""
    files = [("image[]", UPLOAD)] * 9 + [("image", UPLOAD)] * 8

    response = client.post(URL, data=FIELDS, files=files)

    error = response.json()["error"]
    assert (400, "invalid_value", "image") == (response.status_code, error["code"], error["param"])
    assert "There are 17 images; 16 are allowed." == error["message"]
    assert 0 == upstream.calls


@pytest.mark.parametrize(
    ("files", "param"),
    [
        ([("image", ("x", b"", "image/png"))], "image"),
        ([("image", ("x", b"GIF89a" + bytes(40), "image/png"))], "image"),
        ([("image", UPLOAD), ("mask", UPLOAD), ("mask[]", UPLOAD)], "mask"),
        ([("image", UPLOAD), ("mask", UPLOAD), ("markup", UPLOAD)], "markup"),
        ([("image", UPLOAD), ("prompt", UPLOAD)], "prompt"),
        ([("mask", UPLOAD)], "mask"),
        ([("image[]", UPLOAD)] * 17, "image"),
        ([("image", UPLOAD), ("n", (None, "2")), ("n", (None, "3"))], "n"),
        ([("image", UPLOAD), ("svg", (None, "{"))], "svg"),
        ([("image", UPLOAD), ("n[x]", (None, "2"))], "n"),
    ],
)
def test_forms_that_are_wrong(client: httpx2.Client, files: object, param: str) -> None:
    """A wrong field of a form is named."""
    response = client.post(URL, data=FIELDS, files=files)

    assert (400, param) == (response.status_code, response.json()["error"]["param"])
