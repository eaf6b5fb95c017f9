"""Recraft: near OpenAI's API, with styles, vectors and a count of units."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    Check,
    Problem,
    decimal,
    digits,
    either,
    encoded,
    flag,
    is_mask,
    is_picture,
    number,
    pattern,
    record,
    text,
    upload,
    whole,
    word,
)

COMMON: Mapping[str, Check] = {
    "prompt": text(),
    "model": word("recraftv4_1", "recraftv4_1_vector", "recraftv4", "recraftv3", "recraftv2"),
    "style": word(
        "any", "realistic_image", "digital_illustration", "vector_illustration", "icon",
        "logo_raster",
    ),
    "substyle": text(), "style_id": text(), "response_format": word("url", "b64_json"),
    "image_format": word("webp", "png"), "negative_prompt": text(),
    "n": either(whole(1, 6), digits(1, 6)),
    "random_seed": either(whole(0, 2**32 - 1), digits(0, 2**32 - 1)),
}  # fmt: skip
GENERATE = {
    **COMMON, "size": either(pattern(r"\d+x\d+"), pattern(r"\d+:\d+")), "controls": record(),
    "block_nsfw": flag, "expire": flag,
}  # fmt: skip
URL = encoded(is_picture, prefixed=True)
IMAGE = {
    **COMMON, "image_url": URL, "image": upload(is_picture),
    "strength": either(number(0, 1), decimal(0, 1)),
}  # fmt: skip
PROCESS: Mapping[str, Check] = {
    "image": upload(is_picture),
    "response_format": word("url", "b64_json"),
    "image_format": word("webp", "png"),
    "expire": flag,
}
INPAINT = {
    **IMAGE, "mask": upload(is_mask("white")),
    "mask_url": encoded(is_mask("white"), prefixed=True),
}  # fmt: skip


def error(status: int, code: str, message: str) -> Reply:
    """An error in the vendor's shape."""
    return Reply(status, {"code": code, "message": message})


class Server(ImagesApi):
    plugin = "recraft"
    works: ClassVar = {
        "generate": Work(
            model="recraftv3", cost="0.08", basis="reported",
            settings={"size": "1365x1024", "n": 2, "seed": 5, "output_format": "png"},
        ),
        "ratio": Work(
            model="recraftv4_1", settings={"aspect_ratio": "3:2", "output_format": "webp"},
            cost="0.04", basis="reported", warnings=("aspect_ratio",),
        ),
        "edit": Work(
            model="recraftv3", settings={"output_format": "png"}, images=1, cost="0.04",
            basis="reported",
        ),
        "inpaint": Work(
            model="recraftv3", settings={"output_format": "png"}, images=1, has_mask=True,
            cost="0.04", basis="reported",
        ),
        **{
            name: Work(model=f"images/{name}", settings={"output_format": "png"}, images=1,
                       cost="0.04", basis="reported", warnings=("prompt",))
            for name in ("removeBackground", "crispUpscale", "creativeUpscale")
        },
        "replace": Work(model="images/replaceBackground", settings={"output_format": "png"},
                        images=1, cost="0.04", basis="reported"),
        "vectorize": Work(model="images/vectorize", images=1, cost="0.04", basis="reported",
                          warnings=("prompt",)),
        "outpaint": Work(model="images/outpaint", images=1, settings={"output_format": "webp"},
                         options={"expand_left": 200}, cost="0.04", basis="reported"),
        "variate": Work(model="images/variateImage", images=1, cost="0.08", basis="reported",
                        settings={"size": "1365x1024", "n": 2, "seed": 3}, warnings=("prompt",)),
        "erase": Work(model="images/eraseRegion", images=1, has_mask=True, cost="0.04",
                      basis="reported", warnings=("prompt",)),
        "background": Work(model="images/generateBackground", images=1, has_mask=True, cost="0.04",
                           basis="reported"),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(429, "rate_limit_exceeded", "Too many requests"),
        "refuse": error(400, "prompt_flagged", "The prompt was flagged as NSFW"),
        "fail": error(500, "internal_error", "Internal error"),
    }
    retry_after = None

    def unauthorised(self) -> Reply:
        return error(401, "unauthorized", "Invalid API token")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, "invalid_request_parameter", str(found[0]))

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        return self.answer(self.accept(self.read(request), GENERATE, ("prompt",)))

    @on("POST", "/v1/images/imageToImage")
    def edit(self, request: Request) -> Reply:
        body = self.accept(self.read(request), IMAGE, ("prompt", "strength"))
        if ("image" in body) is ("image_url" in body):
            self.complain("neither or both of image and image_url")
        return self.answer(body)

    @on("POST", "/v1/images/inpaint")
    def inpaint(self, request: Request) -> Reply:
        fields = {name: one for name, one in INPAINT.items() if name != "strength"}
        body = self.accept(self.read(request), fields, ("prompt",))
        if ("mask" in body) is ("mask_url" in body):
            self.complain("neither or both of mask and mask_url")
        return self.answer(body)

    @on("POST", "/v1/images/{tool}")
    def process(self, request: Request, tool: str) -> Reply:
        if tool not in ("removeBackground", "crispUpscale", "creativeUpscale", "vectorize",
                        "eraseRegion"):  # fmt: skip
            return self.transform(request, tool)
        masked = {"mask": upload(is_mask("white"))} if tool == "eraseRegion" else {}
        body = self.accept(self.read(request), {**PROCESS, **masked}, ("image", *masked))
        self.begin("")
        image = self.item(
            {**body, "prompt": ""}, size="512x512", format=body.get("image_format", "webp")
        )
        if tool == "vectorize":
            svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
            self.made[-1] = svg
            image = {"b64_json": base64.b64encode(svg).decode()}
        return Reply(
            200, {"created": 1795219200, "credits": 40, "image": {**image, "image_id": "i"}}
        )

    def transform(self, request: Request, tool: str) -> Reply:
        side, prompt = digits(0, 2048), ("prompt",)
        more: Mapping[str, Check] = {
            "replaceBackground": {},
            "generateBackground": {"mask": upload(is_mask("white"))},
            "outpaint": {"size": pattern(r"\d+x\d+"), "expand_left": side, "expand_right": side},
            "variateImage": {"size": pattern(r"\d+x\d+")},
        }[tool]
        fields = {**COMMON, "image": upload(is_picture), **more}
        if tool == "variateImage":
            fields, prompt = (
                {
                    k: v
                    for k, v in fields.items()
                    if k not in ("prompt", "style", "negative_prompt")
                },
                ("size",),
            )
        body = self.accept(self.read(request), fields, ("image", *prompt))
        return self.answer({"prompt": "", **body})

    def read(self, request: Request) -> Any:
        """JSON or a form: the vendor takes both."""
        return request.json if request.json is not None else request.form

    def answer(self, body: Mapping[str, Any]) -> Reply:
        self.begin(body["prompt"])
        size = {"3:2": "1280x832"}.get(body.get("size", "1024x1024"), body.get("size", "1024x1024"))
        n, format = int(body.get("n", 1)), body.get("image_format", "webp")
        data = [{**self.item(body, size=size, format=format), "image_id": "i"} for _ in range(n)]
        return Reply(200, {"created": 1795219200, "credits": 40 * n, "data": data})
