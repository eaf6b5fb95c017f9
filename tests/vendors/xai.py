"""xAI: JSON for edits too, ticks of cost, refusals inside a 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi, error
from tests.vendors.server import Reply, Request, Work, on, pixels
from tests.vendors.shape import encoded, exactly, is_picture, items, record, text, whole, word

from routercore.values.faults import Fault

FIELDS = {
    "model": word("grok-imagine-image", "grok-imagine-image-2.0"), "prompt": text(),
    "n": whole(1, 10), "response_format": word("url", "b64_json"),
    "aspect_ratio": word(
        "1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9",
        "1:2", "2:1",
    ),
    "resolution": word("1k", "2k"), "quality": word("low", "medium", "high"),
    "output_format": text(), "user": text(),
}  # fmt: skip
IMAGE = record(("url",), url=encoded(is_picture, prefixed=True), type=exactly("image_url"))


class Server(ImagesApi):
    plugin = "xai"
    key = "xai-key"
    works: ClassVar = {
        "generate": Work(
            model="grok-imagine-image-2.0", cost="0.08", basis="reported",
            settings={"aspect_ratio": "16:9", "resolution": "1K", "quality": "low", "n": 2},
        ),
        "edit": Work(
            model="grok-imagine-image-2.0", settings={"aspect_ratio": "1:1"}, images=1,
            cost="0.04", basis="reported",
        ),
        "edit of two": Work(
            model="grok-imagine-image", settings={"aspect_ratio": "1:1"}, images=2,
            cost="0.04", basis="reported",
        ),
    }  # fmt: skip
    instead: ClassVar = {
        **ImagesApi.instead,
        "refuse": error(400, "Your prompt was rejected by content moderation"),
    }
    refusals: ClassVar = {
        "refuse": Fault.REFUSED,
        "withhold": Fault.REFUSED_RESULT, "withhold all": Fault.REFUSED_RESULT,
    }  # fmt: skip

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        return self.answer(self.accept(request.json, FIELDS, ("model", "prompt")))

    @on("POST", "/v1/images/edits")
    def edit(self, request: Request) -> Reply:
        fields = {**FIELDS, "image": IMAGE, "images": items(IMAGE, 10)}
        body = self.accept(request.json, fields, ("model", "prompt"))
        if ("image" in body) is ("images" in body):
            self.complain("an edit with neither or both of image and images")
        return self.answer(body)

    def answer(self, body: Mapping[str, Any]) -> Reply:
        self.begin(body["prompt"])
        form = "b64_json" if body.get("response_format") == "b64_json" else "url"
        n = body.get("n", 1)
        if "withhold all" in body["prompt"]:
            return Reply(200, {"data": [], "usage": {"cost_in_usd_ticks": 0}})
        if "withhold" in body["prompt"]:
            data: list[dict[str, Any]] = [{form: "", "respect_moderation": False}] * n
            return Reply(200, {"data": data, "usage": {"cost_in_usd_ticks": 0}})
        size = pixels(body.get("aspect_ratio", "1:1"))
        made = [self.item(body, size=size, format="jpeg") for _ in range(n)]
        data = [{**one, "respect_moderation": True} for one in made]
        return Reply(200, {"data": data, "usage": {"cost_in_usd_ticks": 400_000_000 * n}})
