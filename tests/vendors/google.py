"""Google's Gemini API and Vertex AI: generateContent, and three ways of refusing with 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor, Work, on, pixels
from tests.vendors.shape import (
    Check,
    Problem,
    either,
    encoded,
    is_picture,
    items,
    record,
    text,
    whole,
    word,
)
from tests.vendors.wire import streamed

from routercore.values.faults import Fault

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
MORE_RATIOS = (*RATIOS, "1:4", "4:1", "1:8", "8:1")
PIXELS = {("3:2", "1K"): "1264x848", ("16:9", "2K"): "2752x1536", ("1:1", "1K"): "1024x1024"}
MODELS: Mapping[str, Mapping[str, Check]] = {
    "gemini-3.1-flash-image": {
        "aspectRatio": word(*MORE_RATIOS), "imageSize": word("512", "1K", "2K", "4K"),
    },
    "gemini-3-pro-image": {"aspectRatio": word(*RATIOS), "imageSize": word("1K", "2K", "4K")},
    "gemini-2.5-flash-image": {"aspectRatio": word(*RATIOS)},
}  # fmt: skip
PART = either(
    record(("text",), text=text()),
    record(("inlineData",), inlineData=record(
        ("mimeType", "data"), mimeType=word("image/png", "image/jpeg", "image/webp"),
        data=encoded(is_picture),
    )),
)  # fmt: skip
CONTENT = record(("parts",), role=word("user"), parts=items(PART, 15))
SAFETY = record(("category", "threshold"), category=text(), threshold=text())


def error(code: int, status: str, message: str, *details: Any) -> Reply:
    """An error in Google's shape."""
    fields = {"code": code, "message": message, "status": status, "details": list(details)}
    return Reply(code, {"error": fields})


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}


class Server(Vendor):
    plugin = "google"
    key = "AIza-key"
    credential = ("x-goog-api-key", "{key}")
    works: ClassVar = {
        "generate": Work(
            model="gemini-3.1-flash-image", cost="0.0672045", basis="tokens",
            settings={"aspect_ratio": "3:2", "resolution": "1K", "seed": 7},
        ),
        "two of an older model": Work(
            model="gemini-2.5-flash-image", calls=2, warnings=("n",), cost="0.0672054",
            basis="tokens", settings={"aspect_ratio": "1:1", "n": 2},
        ),
        "edit": Work(
            model="gemini-3-pro-image", images=2, cost="0.134418", basis="tokens",
            settings={"aspect_ratio": "16:9", "resolution": "2K"},
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(429, "RESOURCE_EXHAUSTED", "You exceeded the rate", RETRY),
        "fail": error(500, "INTERNAL", "An internal error has occurred"),
        "shed": error(503, "UNAVAILABLE", "The model is overloaded"),
    }
    refusals: ClassVar = {
        "block": Fault.REFUSED, "filter": Fault.REFUSED_RESULT, "prohibit": Fault.REFUSED_RESULT,
        "talk": Fault.REFUSED_RESULT,
    }  # fmt: skip
    failures: ClassVar = {
        "fail": Fault.SERVER_ERROR, "shed": Fault.OVERLOADED, "nothing": Fault.NO_IMAGE,
    }  # fmt: skip
    streams: ClassVar = ("generate", "edit")
    config: ClassVar[Mapping[str, Check]] = {}
    """What imageConfig takes beside ratio and size."""

    def unauthorised(self) -> Reply:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        return error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid one.", info)

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, "INVALID_ARGUMENT", str(found[0]))

    @on("POST", "/v1beta/models/{model}:generateContent")
    def generate(self, request: Request, model: str) -> Reply:
        if model not in MODELS:
            self.complain(f"there is no model {model}")
            return error(404, "NOT_FOUND", f"models/{model} is not found")
        generation = record(
            responseModalities=items(word("IMAGE", "TEXT"), 2),
            seed=whole(0, 2**31 - 1),
            imageConfig=record(**{**MODELS[model], **self.config}),
            candidateCount=whole(1, 1),
        )
        fields = {
            "contents": items(CONTENT, 1),
            "generationConfig": generation,
            "safetySettings": items(SAFETY, 10),
        }
        body = self.accept(request.json, fields, ("contents",))
        if "IMAGE" not in body.get("generationConfig", {}).get("responseModalities", []):
            self.complain("no image is asked for")
        return self.answer(body, model)

    @on("POST", "/v1beta/models/{model}:streamGenerateContent")
    def stream(self, request: Request, model: str) -> Reply:
        """A thought, a draft among the thoughts, then the answer part by part."""
        if request.query != {"alt": "sse"}:
            self.complain(f"a stream with {request.query}")
        reply = self.generate(request, model)
        if reply.status != 200 or "candidates" not in reply.body:
            return reply
        whole = reply.body["candidates"][0]
        draft = {"inlineData": {"mimeType": "image/png", "data": self.draft("512x512", "png")}}
        thoughts = [{"text": "Hm.", "thought": True}, {**draft, "thought": True}]
        parts = [*thoughts, *whole.get("content", {}).get("parts", [])]
        chunks: list[Any] = [
            {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]}
            for part in parts
        ]
        end = {"finishReason": whole["finishReason"], "index": 0}
        chunks.append({**reply.body, "candidates": [end]})
        return streamed(*((None, chunk) for chunk in chunks))

    def answer(self, body: Mapping[str, Any], model: str) -> Reply:
        parts = body["contents"][0]["parts"]
        prompt = " ".join(part.get("text", "") for part in parts)
        self.begin(prompt)
        usage = {
            "promptTokenCount": 9, "totalTokenCount": 9,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
        }  # fmt: skip
        ends = {
            "filter": "IMAGE_SAFETY",
            "prohibit": "IMAGE_PROHIBITED_CONTENT",
            "nothing": "NO_IMAGE",
        }
        made: dict[str, Any] = {"usageMetadata": usage, "modelVersion": model}
        if "block" in prompt:
            return Reply(200, {**made, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
        for words, reason in ends.items():
            if words in prompt:
                return Reply(200, {**made, "candidates": [{"finishReason": reason, "index": 0}]})
        if "talk" in prompt:
            said = [{"text": "I cannot draw that."}]
        else:
            config = body["generationConfig"].get("imageConfig", {})
            size = self.size(config.get("aspectRatio", "1:1"), config.get("imageSize", "1K"))
            said = [{"text": "Here it is."}, self.picture(size, config)]
            usage |= {
                "candidatesTokenCount": 1120, "totalTokenCount": 1129,
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
            }  # fmt: skip
        content = {"role": "model", "parts": said}
        candidates = [{"content": content, "finishReason": "STOP", "index": 0}]
        return Reply(200, {**made, "candidates": candidates})

    def size(self, ratio: str, tier: str) -> str:
        """Google's own pixels where they are known here."""
        area = {"512": 0.25, "1K": 1.0, "2K": 4.0, "4K": 16.0}[tier]
        return PIXELS.get((ratio, tier)) or pixels(ratio, area)

    def picture(self, size: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """A part that is a picture."""
        kind = config.get("imageOutputOptions", {}).get("mimeType", "image/png")
        data = self.encoded(size, kind.removeprefix("image/"))
        return {"inlineData": {"mimeType": kind, "data": data}}


class Vertex(Server):
    """Vertex AI, with an access token; the format of a picture can be chosen."""

    plugin = "google-vertex"
    key = "ya29.token"
    credential = ("authorization", "Bearer {key}")
    works: ClassVar = {
        **Server.works,
        "jpeg": Work(
            model="gemini-3.1-flash-image", cost="0.0672045", basis="tokens",
            settings={"aspect_ratio": "1:1", "resolution": "1K", "output_format": "jpeg"},
        ),
    }  # fmt: skip
    config: ClassVar[Mapping[str, Check]] = {
        "imageOutputOptions": record(
            mimeType=word("image/png", "image/jpeg"), compressionQuality=whole(0, 100)
        ),
        "personGeneration": word("ALLOW_ALL", "ALLOW_ADULT", "ALLOW_NONE"),
    }
    path = "/v1/projects/p/locations/global/publishers/google"

    def settings(self) -> dict[str, Any]:
        return {"base_url": f"{self.origin}{self.path}"}

    def unauthorised(self) -> Reply:
        return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")

    @on("POST", path + "/models/{model}:generateContent")
    def generate(self, request: Request, model: str) -> Reply:
        return super().generate(request, model)

    @on("POST", path + "/models/{model}:streamGenerateContent")
    def stream(self, request: Request, model: str) -> Reply:
        return super().stream(request, model)
