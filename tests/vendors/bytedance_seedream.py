"""ByteDance's Seedream: OpenAI's path, fields of its own, failures beside pictures in a 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.images_api import ImagesApi, error
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import (
    Check,
    either,
    encoded,
    exactly,
    flag,
    is_picture,
    items,
    number,
    pattern,
    record,
    text,
    whole,
    word,
)
from tests.vendors.wire import streamed

from routercore.values.faults import Fault

IMAGE = encoded(is_picture, prefixed=True)
COMMON: Mapping[str, Check] = {
    "model": text(), "prompt": text(),
    "size": either(word("1K", "2K", "3K", "4K"), pattern(r"\d+x\d+")),
    "response_format": word("url", "b64_json"), "watermark": exactly(False),
}  # fmt: skip
NEW = {
    **COMMON, "image": either(IMAGE, items(IMAGE, 14)), "output_format": word("png", "jpeg"),
    "sequential_image_generation": word("auto", "disabled"),
    "sequential_image_generation_options": record(max_images=whole(1, 15)), "stream": flag,
}  # fmt: skip
OLD = {**COMMON, "seed": whole(-1, 2**31 - 1), "guidance_scale": number(1, 10)}
MODELS = {"seedream-5-0-260128": NEW, "seedream-3-0-t2i-250415": OLD}


class Server(ImagesApi):
    plugin = "bytedance-seedream"
    works: ClassVar = {
        "generate": Work(
            model="seedream-5-0-260128", settings={"size": "2048x2048", "output_format": "png"},
        ),
        "older": Work(
            model="seedream-3-0-t2i-250415", settings={"size": "1024x1024", "seed": 3}
        ),
        "series": Work(
            model="seedream-5-0-260128", settings={"size": "2048x2048", "output_format": "png"},
            options={"sequential_image_generation": "auto",
                     "sequential_image_generation_options": {"max_images": 3}},
        ),
        "edit": Work(
            model="seedream-5-0-260128", images=2,
            settings={"size": "2048x2048", "output_format": "jpeg"},
        ),
    }  # fmt: skip
    streams: ClassVar = ("series",)
    instead: ClassVar = {
        "rate limit": error(429, "Too many", code="RateLimitExceeded.EndpointRPMExceeded"),
        "refuse the words": error(400, "It may violate", code="InputTextSensitiveContentDetected"),
        "refuse the result": error(
            400, "It may violate", code="OutputImageSensitiveContentDetected"
        ),
        "fail": error(500, "Internal", code="InternalServiceError"),
    }  # fmt: skip
    refusals: ClassVar = {
        "refuse the words": Fault.REFUSED, "refuse the result": Fault.REFUSED_RESULT,
        "withhold": Fault.REFUSED_RESULT,
    }  # fmt: skip
    retry_after = None

    def unauthorised(self) -> Reply:
        return error(401, "The API key is invalid", type="Unauthorized", code="AuthenticationError")

    @on("POST", "/api/v3/images/generations")
    def generate(self, request: Request) -> Reply:
        asked = request.json
        model = asked.get("model") if isinstance(asked, dict) else None
        if model not in MODELS:
            self.complain(f"there is no model {model}")
            return error(404, "No such model", code="InvalidEndpointOrModel.NotFound")
        body = self.accept(asked, MODELS[model], ("model", "prompt", "watermark"))
        self.begin(body["prompt"])
        data: list[dict[str, Any]]
        if "withhold" in body["prompt"]:
            code = "OutputImageSensitiveContentDetected"
            data = [{"error": {"code": code, "message": "It may violate"}}]
        else:
            size = {"2K": "2048x2048"}.get(body.get("size", "2K"), body.get("size"))
            format = body.get("output_format", "jpeg")
            n = body.get("sequential_image_generation_options", {}).get("max_images", 1)
            if body.get("sequential_image_generation") != "auto":
                n = 1
            data = [
                {**self.item(body, size=str(size), format=format), "size": size} for _ in range(n)
            ]
        made = len([one for one in data if "size" in one])
        usage = {"generated_images": made, "output_tokens": 16384, "total_tokens": 16384}
        if body.get("stream"):
            return self.stream(model, data, usage)
        answer = {"model": model, "created": 1795219200, "data": data, "usage": usage}
        return Reply(200, answer)

    def stream(self, model: str, data: list[dict[str, Any]], usage: Any) -> Reply:
        """The pictures of a series one by one; the first two are what a caller sees early."""
        self.drafts += self.made[:2]
        events: list[tuple[str | None, Any]] = []
        for index, one in enumerate(data):
            name = f"image_generation.partial_{'failed' if 'error' in one else 'succeeded'}"
            events.append((name, {"type": name, "model": model, "image_index": index, **one}))
        name = "image_generation.completed"
        events.append((name, {"type": name, "model": model, "usage": usage}))
        return streamed(*events)
