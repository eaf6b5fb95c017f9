"""Whatever is sent, the answer is a true 4xx with four keys, and the server lives."""

from __future__ import annotations

import base64
import socket
from pathlib import Path

import httpx2
import pytest
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Upstream, picture

from routercore.engine.setup import ServerSetup
from routercore.provider import HttpRequest, HttpResponse
from routercore.testing.transport import FakeTransport, json_answer

URL = "/v1/images/generations"
BODY = {"model": MODEL, "prompt": "x"}
JSON = {"content-type": "application/json"}
FORM = "multipart/form-data; boundary=b"


def check(response: httpx2.Response, *statuses: int) -> dict[str, object]:
    """The error object, whose shape and status are as promised."""
    assert response.status_code in statuses, response.text
    assert {"error"} == response.json().keys()
    error: dict[str, object] = response.json()["error"]
    assert {"message", "type", "param", "code"} <= error.keys()
    assert response.headers["x-request-id"].startswith("req_")
    assert "Traceback" not in response.text
    return error


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"1", b'"x"', b"\xef\xbb\xbf{}", b'{"a":NaN}', b'{"n":1e400}', b"{",
        b"[" * 200_000, b'{"a":' * 100_000, b'{"n":' + b"9" * 5000 + b"}", b'{"prompt":"\xff"}',
        b'{"prompt":"\\ud800","model":"m"}', b'{"model":"poster","prompt":"x","seed":-Infinity}',
    ],
)  # fmt: skip
def test_bodies_that_are_no_json_object(client: httpx2.Client, body: bytes) -> None:
    """A body that is no object, or nested, long or odd beyond reason, is refused."""
    check(client.post(URL, content=body, headers=JSON), 400)


def test_an_empty_prompt(client: httpx2.Client) -> None:
    """It is called empty, not short."""
    answer = client.post(URL, json={"model": "test/test", "prompt": ""})
    assert "Invalid 'prompt': it is empty." == answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": " \n"}, "prompt", "invalid_value"),
        ({"prompt": "a\x00b"}, "prompt", "invalid_value"),
        ({"prompt": "x" * 32_001}, "prompt", "string_above_max_length"),
        ({"prompt": ["x"]}, "prompt", "invalid_type"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": "nobody/has-this"}, "model", "model_not_found"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": -1}, "n", "invalid_value"),
        ({"n": 11}, "n", "invalid_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"n": 10**9}, "n", "invalid_value"),
        ({"n": True}, "n", "invalid_type"),
        ({"n": "9" * 30}, "n", "invalid_type"),
        ({"size": "0x0"}, "size", "invalid_value"),
        ({"size": "-1x5"}, "size", "invalid_value"),
        ({"size": "99999x99999"}, "size", "unsupported_by_all_targets"),
        ({"size": "big"}, "size", "invalid_value"),
        ({"quality": {"a": 1}}, "quality", "invalid_type"),
        ({"background": "red"}, "background", "invalid_value"),
        ({"output_format": "bmp"}, "output_format", "invalid_value"),
        ({"output_compression": 101}, "output_compression", "invalid_value"),
        ({"response_format": "hex"}, "response_format", "invalid_value"),
        ({"partial_images": 4, "stream": True}, "partial_images", "invalid_value"),
        ({"partial_images": 4}, "partial_images", "invalid_value"),
        ({"partial_images": 2}, "partial_images", "invalid_value"),
        ({"stream": "maybe"}, "stream", "invalid_type"),
        ({"stream": True, "response_format": "url"}, "response_format", "invalid_value"),
        ({"seed": 2**64}, "seed", "invalid_value"),
        ({"max_price": 1e300}, "max_price", "invalid_value"),
        ({"max_price": "free"}, "max_price", "invalid_value"),
        ({"resolution": "huge"}, "resolution", "invalid_value"),
        ({"aspect_ratio": "0:1"}, "aspect_ratio", "invalid_value"),
        ({"aspect_ratio": "1:1", "size": "64x64"}, "aspect_ratio", "invalid_value"),
        ({"svg": {"model": "m", "x": 1}}, "svg.x", "unknown_parameter"),
        ({"provider_options": {"near": {"api_base": "http://x"}}},
         "provider_options.near.api_base", "invalid_value"),
        ({"provider_options": {"near": {"a": [{"extra_headers": {}}]}}},
         "provider_options.near.a", "invalid_value"),
        ({"provider_options": {"near": 1}}, "provider_options.near", "invalid_type"),
        ({"mask": URL}, "mask", "invalid_image_url"),
        ({"resolution": "1K", "size": "64x64"}, "aspect_ratio", "invalid_value"),
        ({"extra_body": 1}, "extra_body", "invalid_type"),
        ({"extra_body": {"api_base": "x"}}, "api_base", "unknown_parameter"),
        *(({name: "x"}, name, "unknown_parameter") for name in
          ("api_base", "base_url", "extra_headers", "price", "user_id", "provider", "api_key",
           "qualty", "__proto__", "")),
    ],
)  # fmt: skip
def test_wrong_values(
    client: httpx2.Client, upstream: Upstream, change: dict[str, object], param: str, code: str
) -> None:
    """A wrong value is refused, its parameter named, and no upstream troubled."""
    error = check(client.post(URL, json={**BODY, **change}), 400, 404)

    assert (param, code) == (error["param"], error["code"])
    assert 0 == upstream.calls


def test_what_is_not_there_points_to_what_is(client: httpx2.Client) -> None:
    """A path and a model that do not exist are answered with where to look."""
    told = [
        check(client.get("/v1/image/generations"), 404)["message"],
        *(check(client.post(URL, json={**BODY, "model": name}), 404)["message"]
          for name in ("nobody/has-this", MODEL + "s")),
    ]  # fmt: skip

    assert "There is nothing at this path. GET /openapi.json lists what there is." == told[0]
    assert told[1].endswith("'nobody/has-this'. GET /v1/models lists what there is.")
    near = f"did you mean '{MODEL}', 'near:{MODEL}'?"
    assert told[2].endswith(f"{near} GET /v1/models lists what there is.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": "x"}, "Invalid 'n': it should be a whole number."),
        ({"n": 0}, "Invalid 'n': it should be at least 1."),
        ({"prompt": 7}, "Invalid 'prompt': it should be text."),
        ({"stream": "maybe"}, "Invalid 'stream': it should be true or false."),
        ({"size": "big"}, "Invalid 'size': it should be written like 1024x1024, or 'auto'."),
        ({"background": "red"},
         "Invalid 'background': it should be 'transparent', 'opaque' or 'auto'."),
        ({"svg": 5}, "Invalid 'svg': it should be an object."),
        ({"svg": {"model": "m", "x": 1}}, "Unknown parameter: 'svg.x'."),
        ({"provider_options": {"near": 1}},
         "Invalid 'provider_options.near': it should be an object."),
        ({"images": 5}, "Invalid 'images': it should be a list."),
        ({"images": ["x", 5]},
         "Invalid 'images[1]': it should be a URL, or an object with an image_url."),
        ({"image": ["x"] * 17}, "Invalid 'image': it should have at most 16 entries."),
        ({"max_price": "free"}, "Invalid 'max_price': it should be a number."),
    ],
)  # fmt: skip
def test_words(client: httpx2.Client, change: dict[str, object], words: str) -> None:
    """What a field takes is said in words for people, with the place in a list or an object."""
    error = check(client.post(URL, json={**BODY, **change}), 400)
    assert words == error["message"]


def test_unknown_parameter_says_what_was_meant(client: httpx2.Client) -> None:
    """The nearest known name is offered."""
    error = check(client.post(URL, json={**BODY, "qualiti": "high"}), 400)

    assert "'quality'" in str(error["message"])


def test_options_that_nobody_reads(client: httpx2.Client) -> None:
    """Options for no provider of this server are a warning by the name that HTTP has for them."""
    made = client.post(URL, json={**BODY, "provider_options": {"nobody": {"x": 1}}}).json()
    assert ["provider_options.nobody"] == [one["param"] for one in made["warnings"]]


def test_a_file_that_is_no_picture(client: httpx2.Client) -> None:
    """A file in a field that takes none, or that does not exist, is refused by its name."""
    for name in ("prompt", "attachment"):
        answer = client.post(URL, data={"model": MODEL}, files={name: ("x.png", b"x")})
        assert (name, "invalid_type") == (
            check(answer, 400)["param"],
            answer.json()["error"]["code"],
        )


def part(name: str, value: str = "x", more: str = "") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return f"{head}{value}\r\n".encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"--b--\r\n", FORM),
        (b"junk", FORM),
        (part("prompt"), FORM),
        (part("prompt")[:30], FORM),
        (b"--b\r\n\r\nx\r\n--b--\r\n", FORM),
        (b"--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n", FORM),
        (b"--b\r\n" + b"a: b\r\n" * 10_000 + b"\r\nx\r\n--b--\r\n", FORM),
        (b"--b\r\n" + b"a" * 100_000 + b": b\r\n\r\nx\r\n--b--\r\n", FORM),
        (part("prompt", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1")), FORM),
        (b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\xff\r\n--b--\r\n', FORM),
        (part("image", more='; filename="../../x.png\r\nEvil: 1"') + b"--b--\r\n", FORM),
        (part("a[b][c][d]" + "[e]" * 500) + b"--b--\r\n", FORM),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=" + "b" * 5000),
    ],
)
def test_broken_forms(client: httpx2.Client, body: bytes, kind: str) -> None:
    """A form that is malformed, cut off or odd is refused."""
    check(client.post(URL, content=body, headers={"content-type": kind}), 400)


def test_a_form_nested_beyond_reason(client: httpx2.Client) -> None:
    """Where all else is right, a bracketed name of a thousand steps is refused by its field."""
    whole = part("model", MODEL) + part("prompt") + part("provider_options[near]" + "[a]" * 1300)
    answer = client.post(URL, content=whole + b"--b--\r\n", headers={"content-type": FORM})
    assert "provider_options" == check(answer, 400)["param"]


def test_many_parts(client: httpx2.Client) -> None:
    """A form of too many parts is refused before it is read whole."""
    body = part("x[]") * 1001 + b"--b--\r\n"
    check(client.post(URL, content=body, headers={"content-type": FORM}), 413)


def test_long_fields(client: httpx2.Client) -> None:
    """A text field of megabytes is refused."""
    body = part("prompt", "x" * 2_000_000) + b"--b--\r\n"
    check(client.post(URL, content=body, headers={"content-type": FORM}), 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "image/png"])
def test_other_media_types(client: httpx2.Client, kind: str) -> None:
    """What is neither JSON nor a form is a 415."""
    check(client.post(URL, content=b"x", headers={"content-type": kind}), 415)


def test_compressed_bodies(client: httpx2.Client) -> None:
    """Compressed bodies are not opened."""
    check(client.post(URL, content=b"x", headers={**JSON, "content-encoding": "gzip"}), 415)


@pytest.fixture
def small(upstream: Upstream, tmp_path: Path) -> httpx2.Client:
    what = setup(
        tmp_path, provider("near", upstream.base_url),
        server=ServerSetup(max_body_bytes=2000, max_buffered_bytes=2500),
    )  # fmt: skip
    with served(router_of(what)) as client:
        yield client


def test_announced_size(small: httpx2.Client) -> None:
    """A body that says it is too large is not read."""
    error = check(small.post(URL, json={**BODY, "prompt": "x" * 3000}), 413)

    assert ("request_too_large", "invalid_request_error") == (error["code"], error["type"])


def test_unannounced_size(small: httpx2.Client) -> None:
    """A body that does not say its size is read as far as allowed."""
    check(small.post(URL, content=iter([b" " * 1500] * 3), headers=JSON), 413)


def test_all_bodies_together(small: httpx2.Client, upstream: Upstream) -> None:
    """While requests hold as much as the server may, the next one is told to come again."""
    upstream.hold()
    first = socket.create_connection((small.base_url.host, small.base_url.port or 0))
    body = b'{"model":"poster","prompt":"%s"}' % (b"x" * 1200)
    head = "POST %s HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d"
    first.sendall((head % (URL, len(body))).encode() + b"\r\n\r\n" + body)
    upstream.wait_for_calls(1)

    second = small.post(URL, content=body + b" " * 600, headers=JSON)
    upstream.release()

    check(second, 503)
    assert "1" == second.headers["retry-after"]
    assert first.recv(12) == b"HTTP/1.1 200"
    first.close()
    assert 200 == small.post(URL, content=body + b" " * 600, headers=JSON).status_code


def test_pictures_by_url_are_held_like_bodies(tmp_path: Path) -> None:
    """A small request for pictures that there is no room for is told to come again."""
    photo = picture(640, 640)
    transport = FakeTransport(lambda sent: _answer(sent, photo))
    what = setup(
        tmp_path, provider("near", "https://near.example"),
        server=ServerSetup(max_buffered_bytes=3 * len(photo)),
    )  # fmt: skip
    urls = [{"image_url": f"https://photos.example/{name}"} for name in "abcd"]

    with served(router_of(what, transport=transport)) as client:
        many = client.post("/v1/images/edits", json={**BODY, "images": urls})
        sent = [request.method for request in transport.requests]
        few = client.post("/v1/images/edits", json={**BODY, "images": urls[:2]})

    assert "server_is_overloaded" == check(many, 503)["code"]
    assert ["GET"] * len(sent) == sent
    assert 200 == few.status_code


def _answer(sent: HttpRequest, photo: bytes) -> HttpResponse:
    """A photograph, or a picture that was made of some."""
    if sent.method == "GET":
        return HttpResponse(status=200, body=photo)
    return json_answer({"data": [{"b64_json": base64.b64encode(picture()).decode()}]})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "//v1/models", 404),
        ("GET", "/v1/../admin", 404),
        ("GET", "/v1/%2e%2e/admin", 404),
        ("GET", "/v1/models;x", 404),
        ("GET", URL, 405),
        ("PUT", URL, 405),
        ("DELETE", "/v1/models", 405),
        ("PATCH", "/health", 405),
        ("OPTIONS", URL, 405),
        ("POST", URL + "/", 404),
        ("POST", "/v1/images/variations", 400),
        ("GET", "/v1/models/nobody%2Fhas-this", 404),
        ("GET", "/files/x", 404),
        ("GET", "/files/..%2f.secret", 404),
    ],
)
def test_paths_and_methods(client: httpx2.Client, method: str, path: str, status: int) -> None:
    """What does not exist, or not for a method, is said in the one shape of errors."""
    error = check(client.request(method, path), status)

    if status == 405:
        assert "method_not_allowed" == error["code"]


@pytest.mark.parametrize(
    ("path", "takes"),
    [("/files/x.png", "DELETE, GET, HEAD"), ("/v1/images/jobs/x", "DELETE, GET, HEAD"),
     (URL, "POST"), ("/health", "GET, HEAD")],
)  # fmt: skip
def test_what_a_path_takes(client: httpx2.Client, path: str, takes: str) -> None:
    """A wrong method is told all the right ones, also where several handlers share a path."""
    response = client.request("PATCH", path)

    assert (405, takes) == (response.status_code, response.headers["allow"])
    assert f"This path takes {takes}." == response.json()["error"]["message"]


def test_variations_say_what_to_use(client: httpx2.Client) -> None:
    """The retired endpoint names its replacement."""
    error = check(client.post("/v1/images/variations"), 400)

    assert "/v1/images/edits" in str(error["message"])


@pytest.mark.parametrize("length", ["-5", "1e3", "٣"])
def test_content_length(client: httpx2.Client, length: str) -> None:
    """A length that is no number ends the connection or is refused; the server goes on."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as raw:
        raw.sendall(
            f"POST {URL} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            f"content-length: {length}\r\n\r\n{{}}".encode()
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 4")
    assert 200 == client.get("/health").status_code
