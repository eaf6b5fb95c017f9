"""myrouter.ai: what comes back is base64 and counts tokens."""

from __future__ import annotations

from typing import ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import text, whole, word

FIELDS = {
    "model": word("gpt-image-1", "gpt-image-1.5"), "prompt": text(32_000), "n": whole(1, 10),
    "size": word("1024x1024", "1536x1024", "1024x1536", "auto"),
    "quality": word("auto", "high", "medium", "low"),
}  # fmt: skip


class Server(ImagesApi):
    plugin = "myrouter"
    works: ClassVar = {
        "generate": Work(
            model="gpt-image-1.5", settings={"size": "1536x1024", "quality": "medium", "n": 2}
        )
    }

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        body = self.accept(request.json, FIELDS, ("model", "prompt"))
        self.begin(body["prompt"])
        n, size, quality = body.get("n", 1), body.get("size", "auto"), body.get("quality", "auto")
        size = "1024x1024" if size == "auto" else size
        return Reply(200, {
            "created": 1795219200, "output_format": "png", "quality": quality, "size": size,
            "data": [{"b64_json": self.encoded(size, "png")} for _ in range(n)],
            "usage": {
                "input_tokens": 10, "output_tokens": 1000 * n, "total_tokens": 1000 * n + 10,
                "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
            },
        })  # fmt: skip
