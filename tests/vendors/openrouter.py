"""OpenRouter's own Images API: normalised fields, base64, the cost in the usage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on, pixels
from tests.vendors.shape import (
    Problem,
    either,
    encoded,
    exactly,
    flag,
    is_picture,
    items,
    pattern,
    record,
    text,
    whole,
    word,
)
from tests.vendors.wire import streamed

from routercore.values.faults import Fault

RATIOS = (
    "1:1", "1:2", "1:4", "1:8", "2:1", "2:3", "2.35:1", "3:2", "3:4", "4:1", "4:3", "4:5", "5:2",
    "5:4", "8:1", "9:16", "16:9", "9:19.5", "19.5:9", "9:20", "20:9", "9:21", "21:9", "auto",
)  # fmt: skip
REFERENCE = record(
    ("type", "image_url"), type=exactly("image_url"),
    image_url=record(("url",), url=encoded(is_picture, prefixed=True)),
)  # fmt: skip
FIELDS = {
    "model": pattern(r"[\w-]+/[\w.-]+"), "prompt": text(), "n": whole(1, 10),
    "size": either(word("1K", "2K", "4K"), pattern(r"\d+x\d+")),
    "resolution": word("512", "1K", "2K", "4K"), "aspect_ratio": word(*RATIOS),
    "quality": word("auto", "low", "medium", "high", "xhigh", "max"),
    "background": word("auto", "transparent", "opaque"),
    "output_format": word("png", "jpeg", "webp", "svg"), "output_compression": whole(0, 100),
    "input_references": items(REFERENCE, 16), "seed": whole(-(2**63), 2**63), "user": text(),
    "stream": flag, "provider": record(),
}  # fmt: skip


USAGE = {
    "prompt_tokens": 6, "completion_tokens": 1120, "total_tokens": 1126,
    "completion_tokens_details": {"image_tokens": 1120}, "cost": 0.0672,
}  # fmt: skip


def error(status: int, message: str, headers: Mapping[str, str] | None = None,
          **metadata: Any) -> Reply:  # fmt: skip
    """An error in the vendor's shape."""
    fields: dict[str, Any] = {"code": status, "message": message}
    if metadata:
        fields["metadata"] = metadata
    return Reply(status, {"error": fields, "user_id": "user_1"}, headers or {})


class Server(Vendor):
    plugin = "openrouter"
    key = "sk-or-key"
    works: ClassVar = {
        "generate": Work(
            model="google/gemini-3.1-flash-image", cost="0.0672", basis="reported",
            settings={"aspect_ratio": "4:5", "resolution": "1K", "output_format": "png",
                      "seed": 21},
        ),
        "edit": Work(
            model="openai/gpt-image-2.5-sunburst", images=2, cost="0.0672", basis="reported",
            settings={"output_format": "webp", "quality": "low"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(429, "Rate limit exceeded", {"Retry-After": "2"}),
        "refuse": error(
            403, "Your prompt was flagged", reasons=["violence"], flagged_input="r",
            provider_name="Google", model_slug="google/gemini-3.1-flash-image",
        ),
        "fail": error(500, "Internal Server Error"),
        "shed": error(529, "Provider returned error"),
        "pay": error(402, "Insufficient credits"),
    }  # fmt: skip
    streams: ClassVar = ("edit",)
    failures: ClassVar = {
        "fail": Fault.SERVER_ERROR, "shed": Fault.OVERLOADED, "pay": Fault.QUOTA,
    }  # fmt: skip

    def unauthorised(self) -> Reply:
        return error(401, "No auth credentials found")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, str(found[0]))

    @on("POST", "/api/v1/images")
    def generate(self, request: Request) -> Reply:
        body = self.accept(request.json, FIELDS, ("model", "prompt"))
        if "x" in str(body.get("size")) and {"resolution", "aspect_ratio"} & set(body):
            self.complain("pixels beside a resolution or a ratio")
        self.begin(body["prompt"])
        format = body.get("output_format", "png")
        if body.get("stream") and body["model"].startswith("openai/"):
            return self.stream(format)
        size = pixels(body.get("aspect_ratio", "1:1"))
        made = [
            {"b64_json": self.encoded(size, format), "media_type": f"image/{format}"}
            for _ in range(body.get("n", 1))
        ]
        return Reply(200, {"created": 1795219200, "data": made, "usage": USAGE})

    def stream(self, format: str) -> Reply:
        """Two pictures in between, as many as this vendor pleases."""
        kind = "image_generation"
        drafts = [
            (None, {"type": f"{kind}.partial_image", "partial_image_index": index,
                    "b64_json": self.draft("1024x1024", format)})
            for index in range(2)
        ]  # fmt: skip
        final = {
            "type": f"{kind}.completed", "b64_json": self.encoded("1024x1024", format),
            "created": 1795219200, "media_type": f"image/{format}", "usage": USAGE,
        }  # fmt: skip
        return streamed(*drafts, (None, final))
