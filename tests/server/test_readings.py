"""What clients write, taken in each of its spellings, or refused in words that help."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import httpx2
import pytest
from tests.serving import MODEL
from tests.upstreams import Upstream, mask, picture

from routercore.values.images import MAX_INPUT_BYTES

EDITS, GENERATIONS = "/v1/images/edits", "/v1/images/generations"
PREFIXES = ("/v1", "/v1/openai")
JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}
BODY: dict[str, Any] = {"model": MODEL, "prompt": "x"}
HEAD = "data:image/png;base64,"
DATA_URL = HEAD + base64.b64encode(picture()).decode()
OVERLAY = HEAD + base64.b64encode(mask()).decode()


def refusal(answer: httpx2.Response, status: int = 400) -> dict[str, Any]:
    assert status == answer.status_code, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.fixture(scope="module")
def huge() -> bytes:
    """A picture that is one byte larger than any may be."""
    return picture() + bytes(MAX_INPUT_BYTES + 1 - len(picture()))


@pytest.mark.parametrize("field", ["image", "image[]", "image[0]", "mask"])
def test_a_file_that_is_too_large(
    client: httpx2.Client, upstream: Upstream, field: str, huge: bytes
) -> None:
    """A form's file over the limit is refused by its field, and with the limit."""
    files = [("image", ("x.png", picture())), (field, ("y.png", huge))]

    error = refusal(client.post(EDITS, data=BODY, files=files), 413)

    assert ("request_too_large", field.partition("[")[0]) == (error["code"], error["param"])
    assert "52,428,800 bytes" in error["message"]
    assert 0 == upstream.calls


@pytest.mark.parametrize("field", ["image", "images", "mask"])
@pytest.mark.parametrize("over", [1, 5 * 1024 * 1024])
def test_a_data_url_that_is_too_large(
    client: httpx2.Client, field: str, over: int, huge: bytes
) -> None:
    """A picture in JSON over the limit is told like one in a form, however far it is over."""
    text = HEAD + base64.b64encode(huge + bytes(over - 1)).decode()
    value: Any = [{"image_url": text}] if field == "images" else text

    error = refusal(client.post(EDITS, json={"image": DATA_URL, **BODY, field: value}), 413)

    named = "image" if field == "images" else field
    assert ("request_too_large", named) == (error["code"], error["param"])
    assert f"The {named} is larger than 52,428,800 bytes." == error["message"]


def test_a_picture_as_large_as_allowed(client: httpx2.Client) -> None:
    """A form's data URL of 50 MiB is read: its limit is the picture's, not the text's."""
    whole = picture() + bytes(MAX_INPUT_BYTES - len(picture()))
    text = HEAD + base64.b64encode(whole).decode()
    parts = {name: (None, value) for name, value in {**BODY, "image": text}.items()}

    assert 200 == client.post("/v1/images/estimate", files=parts).status_code


def part(head: str, value: str = "") -> str:
    return f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n"


@pytest.mark.parametrize("field", ["mask", "markup", "image[]", "attachment"])
def test_a_file_that_nobody_chose(client: httpx2.Client, upstream: Upstream, field: str) -> None:
    """The file of a field that was not filled in, as browsers send it, is none."""
    empty = part(f'name="{field}"; filename=""')
    body = "".join(
        part(f'name="{name}"', value) for name, value in {**BODY, "image": DATA_URL}.items()
    )

    answer = client.post(EDITS, content=f"{body}{empty}{empty}--b--\r\n", headers=FORM)

    assert 200 == answer.status_code, answer.text
    assert b'name="mask"' not in upstream.received[0].body


def test_an_image_that_nobody_chose(client: httpx2.Client) -> None:
    """It is missing; a file that has a name and no bytes is empty."""
    fields = "".join(part(f'name="{name}"', value) for name, value in BODY.items())
    for name, code in (("", "invalid_value"), ("a.png", "empty_image_file")):
        file = part(f'name="image"; filename="{name}"')
        error = refusal(client.post(EDITS, content=f"{fields}{file}--b--\r\n", headers=FORM))
        assert (code, "image") == (error["code"], error["param"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("30", 30), ("-2", -2), ("7.5", 7.5), ("-0.25", -0.25), ("true", True),
        ("false", False), ("007", "007"), ("1e9", "1e9"), ("1" * 16, "1" * 16), ("+1", "+1"),
        ("", ""), ("yes", "yes"), ("null", "null"), (" 1", " 1"), ("1.", "1."), ("NaN", "NaN"),
    ],
)  # fmt: skip
def test_an_option_in_brackets(
    client: httpx2.Client, upstream: Upstream, text: str, value: object
) -> None:
    """A bracketed option of a form is a number or a flag where it clearly is one, else text."""
    form = {"provider_options[near][steps]": text, "provider_options[near][more][deep]": text}

    client.post(GENERATIONS, files={name: (None, one) for name, one in {**BODY, **form}.items()})

    sent = upstream.received[0].json
    assert json.dumps([value, {"deep": value}]) == json.dumps([sent["steps"], sent["more"]])


def test_a_list_in_brackets(client: httpx2.Client, upstream: Upstream) -> None:
    """What official clients make of a list in a form is one again; it is not also one value."""
    options = "provider_options[near][tags]"
    fields = [*BODY.items(), (f"{options}[]", "a"), (f"{options}[]", "2")]

    client.post(GENERATIONS, files=[(name, (None, one)) for name, one in fields])
    twice = [*fields, (options, "b")]
    error = refusal(client.post(GENERATIONS, files=[(n, (None, one)) for n, one in twice]))

    assert ["a", 2] == upstream.received[0].json["tags"]
    assert ("'provider_options' is given twice.", 1) == (error["message"], len(upstream.received))


def test_a_list_of_objects_in_brackets(client: httpx2.Client, upstream: Upstream) -> None:
    """It is refused, and said how to write it, instead of being made of something else."""
    form = {**BODY, "provider_options[near][loras][][path]": "a"}

    error = refusal(client.post(GENERATIONS, files={n: (None, one) for n, one in form.items()}))

    assert "'provider_options' has a list of objects, which is for JSON text." == error["message"]
    assert ("provider_options", 0) == (error["param"], upstream.calls)


def test_many_small_pictures(client: httpx2.Client, upstream: Upstream) -> None:
    """Pictures are not counted to what stands around them, however small they are."""
    photo = HEAD + base64.b64encode(picture() + bytes(45_000)).decode()

    answer = client.post(EDITS, content=json.dumps({**BODY, "images": [photo] * 16}), headers=JSON)

    assert (200, 1) == (answer.status_code, upstream.calls)


def test_an_option_that_looks_like_a_number(client: httpx2.Client, upstream: Upstream) -> None:
    """As JSON text an option keeps the kind that it is written in."""
    options = json.dumps({"near": {"level": "2"}})
    form = {name: (None, one) for name, one in {**BODY, "provider_options": options}.items()}

    client.post(GENERATIONS, files=form)

    assert "2" == upstream.received[0].json["level"]


LONG = "A" * 100_000


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ('{"model":"poster","prompt":"a","prompt":"b"}', "prompt"),
        ('{"model":"poster","prompt":"a","prompt":null}', "prompt"),
        ('{"model":"poster","prompt":"a","pr\\u006fmpt":"a"}', "prompt"),
        ('{"model":"poster","prompt":"a","svg":{"model":"m","model":"n"}}', "svg.model"),
        ('{"prompt":"a","provider_options":{"near":{"steps":1,"steps":2}}}',
         "provider_options.near.steps"),
        ('{"prompt":"a","provider_options":{"near":{"x":[1,[{"y":1,"y":2}]]}}}',
         "provider_options.near.x.y"),
        ('{"prompt":"a","provider_options":{"near":{"x":[{"":1,"":2}]}}}',
         "provider_options.near.x."),
        ('{"prompt":"a","images":[{"image_url":"x","image_url":"y"}]}', "images.image_url"),
        ('{"prompt":"a","image":"' + HEAD + LONG + '","image":"' + HEAD + LONG + '"}', "image"),
        ('{"prompt":"a\\"' + LONG + '\\"","mask":"' + LONG + '","prompt":"a"}', "prompt"),
        ('{"prompt":"a","seed":' + "9" * 5000 + ',"prompt":"b"}', "prompt"),
        ('{"prompt":"a","extra_body":{"prompt":"b"}}', "prompt"),
        ('{"prompt":"a","extra_body":{"seed":1,"seed":2}}', "extra_body.seed"),
    ],
)  # fmt: skip
def test_a_name_given_twice(
    client: httpx2.Client, upstream: Upstream, body: str, param: str
) -> None:
    """Of two values of one name, at any depth and beside megabytes, none is dropped silently."""
    error = refusal(client.post(GENERATIONS, content=body, headers=JSON))

    assert ("invalid_value", param) == (error["code"], error["param"])
    assert f"'{param}' is given twice." == error["message"]
    assert 0 == upstream.calls


def test_a_name_given_twice_in_the_json_of_a_form(client: httpx2.Client) -> None:
    """Text in a form's field is read like a body, and the field is named."""
    form = {**BODY, "provider_options": '{"near":{"steps":1,"steps":2}}'}

    error = refusal(client.post(GENERATIONS, files={n: (None, v) for n, v in form.items()}))

    assert "provider_options.near.steps" == error["param"]


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("seed", ["7", "  7 ", "1" * 18])
def test_a_large_body(client: httpx2.Client, upstream: Upstream, escaped: bool, seed: str) -> None:
    """What stands around megabytes of base64 is read as it is, however these are written."""
    photo = picture() + bytes(3 * 1024 * 1024)
    text = json.dumps({**BODY, "image": HEAD + base64.b64encode(photo).decode()})
    text = text.replace("/", "\\/") if escaped else text

    answer = client.post(EDITS, content=f'{text[:-1]},"seed":{seed}}}', headers=JSON)

    assert 200 == answer.status_code, answer.text
    assert photo in upstream.received[0].body


@pytest.mark.parametrize("filler", ['"a",', "{},", "1, ", "[],", " "])
def test_json_without_end(client: httpx2.Client, filler: str) -> None:
    """What is no picture may have two megabytes; more is refused before it is read."""
    body = f'{{"prompt":[{filler * (2 * 1024 * 1024 // len(filler) + 1)}""]}}'

    error = refusal(client.post(GENERATIONS, content=body, headers=JSON), 413)

    assert "request_too_large" == error["code"]


SPELLINGS = ("{}", "{}[]", "{}[0]")


@pytest.mark.parametrize("url", [f"{one}/images/{two}" for one, two in itertools.product(
    PREFIXES, ("generations", "edits"))])  # fmt: skip
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("listed", [False, True])
def test_every_spelling_in_json(
    client: httpx2.Client, upstream: Upstream, url: str, spelling: str, listed: bool
) -> None:
    """An image and a mask are found under every name, alone or as a list of one."""
    names = {"image": DATA_URL, "mask": OVERLAY}
    pictures = {spelling.format(n): [value] if listed else value for n, value in names.items()}

    answer = client.post(url, json={**BODY, **pictures})

    assert 200 == answer.status_code, answer.text
    body = upstream.received[0].body
    assert (1, 1) == (body.count(picture()), body.count(b'name="mask"'))


@pytest.mark.parametrize("form", [False, True])
def test_numbered_images(client: httpx2.Client, upstream: Upstream, form: bool) -> None:
    """Numbered images stand in the order of their numbers, whatever order they are sent in."""
    photos = [picture(16 * size, 16) for size in range(1, 13)]
    named = {f"image[{n}]": photo for n, photo in enumerate(photos)}
    mixed = dict(sorted(named.items(), reverse=True))

    if form:
        client.post(EDITS, data=BODY, files=[(n, ("x.png", one)) for n, one in mixed.items()])
    else:
        urls = {name: HEAD + base64.b64encode(one).decode() for name, one in mixed.items()}
        client.post(EDITS, json={**BODY, **urls})

    places = list(map(upstream.received[0].body.index, photos))
    assert sorted(places) == places


@pytest.mark.parametrize("name", ["mask", "markup"])
@pytest.mark.parametrize("count", [2, 16])
@pytest.mark.parametrize("form", [False, True])
def test_several_masks(client: httpx2.Client, name: str, count: int, form: bool) -> None:
    """One is used, so that several are refused and not all but one dropped."""
    if form:
        files = [("image", ("x.png", picture())), *[(name, ("m.png", mask()))] * count]
        answer = client.post(EDITS, data=BODY, files=files)
    else:
        answer = client.post(EDITS, json={**BODY, "image": DATA_URL, name: [OVERLAY] * count})

    error = refusal(answer)
    assert ("invalid_value", name) == (error["code"], error["param"])
    assert f"Invalid '{name}': there is more than one, and one is used." == error["message"]


def test_two_names_of_a_mask(client: httpx2.Client) -> None:
    """As with images, a mask under two names is refused, and both names are told."""
    both = {"mask": OVERLAY, "mask[]": [OVERLAY]}

    error = refusal(client.post(EDITS, json={**BODY, "image": DATA_URL, **both}))

    assert "Invalid 'mask[]': it is another name of 'mask'; give one of them." == error["message"]


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize(
    "written",
    [
        {"quality": "HIGH"}, {"quality": "High"}, {"quality": "HD"}, {"quality": "AUTO"},
        {"size": "AUTO"}, {"size": "64X64"}, {"aspect_ratio": "AUTO"}, {"resolution": "Auto"},
        {"output_format": "PNG"}, {"response_format": "B64_JSON"}, {"background": "OPAQUE"},
        {"moderation": "Low"}, {"style": "VIVID"}, {"complexity": "HIGH"}, {"stream": "FALSE"},
        {"input_fidelity": "HIGH"},
    ],
)  # fmt: skip
def test_words_in_any_case(client: httpx2.Client, written: dict[str, str], form: bool) -> None:
    """A word means the same in upper case, whatever parameter it is of."""

    def ask(setting: dict[str, str]) -> httpx2.Response:
        fields = {**BODY, "image": DATA_URL, **setting}
        if form:
            return client.post(EDITS, files={name: (None, v) for name, v in fields.items()})
        return client.post(EDITS, json=fields)

    upper, lower = ask(written), ask({name: word.lower() for name, word in written.items()})

    assert 200 == upper.status_code, upper.text
    for part in ("requested", "warnings"):
        assert lower.json()[part] == upper.json()[part]


def test_a_providers_own_word(client: httpx2.Client) -> None:
    """A quality or a style that OpenAI has not is left as it is: case may tell it apart."""
    made = client.post(GENERATIONS, json={**BODY, "style": "AUTO"})
    refused = client.post(GENERATIONS, json={**BODY, "quality": "TURBO"})

    assert ["AUTO"] == [told["requested"] for told in made.json()["warnings"]]
    assert "'TURBO'" in refusal(refused)["message"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("num_images", "n"), ("numberResults", "n"), ("samples", "n"), ("width", "size"),
        ("height", "size"), ("image_size", "size"), ("imageSize", "size"),
        ("negativePrompt", "negative_prompt"), ("aspectRatio", "aspect_ratio"),
        ("outputFormat", "output_format"), ("image_url", "image"), ("init_image", "image"),
        ("mask_image", "mask"), ("qualty", "quality"), ("format", "output_format"),
    ],
)  # fmt: skip
def test_what_was_meant(client: httpx2.Client, name: str, meant: str) -> None:
    """A word of another service, or a misspelling, is refused with the name that it has here."""
    error = refusal(client.post(GENERATIONS, json={**BODY, name: 1}))

    assert ("unknown_parameter", name) == (error["code"], error["param"])
    assert f"Unknown parameter: '{name}'. Did you mean '{meant}'?" in error["message"]


@pytest.mark.parametrize(
    "name", ["steps", "num_inference_steps", "guidance_scale", "cfg_scale", "strength", "sampler"]
)
def test_what_is_an_option(client: httpx2.Client, name: str) -> None:
    """A well-known setting of some providers is shown the way there, and no other parameter."""
    message = refusal(client.post(GENERATIONS, json={**BODY, name: 1}))["message"]

    assert "Did you mean" not in message
    assert f'provider_options, as {{"NAME": {{"{name}": …}}}}' in message


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://", "the URL has no usable host"),
        ("https://a b/x.png", "it has a character that has to be percent-encoded"),
        ("https://example.com/é.png", "it has a character that has to be percent-encoded"),
        ("https://example.com/" + "x" * 8192, "the URL is longer than 8,192 characters"),
        ("https://me:secret@example.com/x", "the URL carries a user or a password"),
        ("https://example.com:99999/x.png", "the URL has no usable port"),
        ("https://127.0.0.1/x.png", "[address] is not a public address"),
        ("https://localhost/x.png",
         "it leads to an address that is not public, or to one without TLS"),
    ],
)  # fmt: skip
def test_why_a_url_is_not_fetched(client: httpx2.Client, url: str, why: str) -> None:
    """A URL that cannot be fetched is refused with the reason, and without its text."""
    for name in ("image", "mask"):
        error = refusal(client.post(EDITS, json={**BODY, "image": DATA_URL, name: url}))

        assert ("invalid_image_url", name) == (error["code"], error["param"])
        assert f"The URL of the {name} is not fetched: {why}." == error["message"]


def test_a_url_that_is_none_begins_nothing(client: httpx2.Client) -> None:
    """It is refused with the request, which has no job then."""
    body = {**BODY, "image": "https://10.0.0.1/x.png"}

    answer = client.post(EDITS, json=body, headers={"prefer": "respond-async"})

    assert "invalid_image_url" == refusal(answer)["code"]
    assert "x-routercore-job" not in answer.headers


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"some words", "is not a PNG, JPEG or WebP image"),
        (b"GIF89a" + bytes(40), "is not a PNG, JPEG or WebP image"),
        (b"<svg/>", "is not a PNG, JPEG or WebP image"),
        (picture()[:-20], "is cut off"),
        (picture()[:20], "cannot be read: the header of this png is broken or cut off"),
    ],
)
def test_why_a_file_is_no_picture(client: httpx2.Client, data: bytes, why: str) -> None:
    """What is sent as a picture and is none is refused with the formats that are taken."""
    error = refusal(client.post(EDITS, data=BODY, files=[("image", ("x.png", data))]))

    assert ("invalid_image_format", "image") == (error["code"], error["param"])
    assert f"The image {why}." == error["message"]
