"""relayrouter.io: three documented fields, and URLs."""

from __future__ import annotations

from typing import ClassVar

from tests.vendors.images_api import ImagesApi
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import pattern, text, whole


class Server(ImagesApi):
    plugin = "relayrouter"
    works: ClassVar = {
        "generate": Work(model="gpt-image-1", settings={"size": "1024x1024", "n": 2})
    }
    is_host = True

    @on("POST", "/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        fields = {
            "model": text(), "prompt": text(), "n": whole(1, 10), "size": pattern(r"\d+x\d+")
        }  # fmt: skip
        body = self.accept(request.json, fields, ("model", "prompt"))
        self.begin(body["prompt"])
        made = [self.make(body["size"]) for _ in range(body.get("n", 1))]
        return Reply(200, {"data": [{"url": self.host(body["prompt"], one)} for one in made]})
