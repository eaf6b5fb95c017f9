"""Amazon Bedrock: Stability's models by InvokeModel, refusals inside a 200."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from tests.vendors.server import Reply, Request, Vendor, Work, on, pixels
from tests.vendors.shape import (
    Check,
    Problem,
    encoded,
    is_mask,
    is_picture,
    number,
    text,
    whole,
    word,
)

from routercore.values.faults import Fault

RATIOS = word("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
COMMON: Mapping[str, Check] = {
    "prompt": text(10_000), "negative_prompt": text(10_000), "seed": whole(0, 4294967294),
    "output_format": word("png", "jpeg"),
}  # fmt: skip
MODELS: Mapping[str, tuple[Mapping[str, Check], tuple[str, ...]]] = {
    "stability.stable-image-ultra-v1:1": ({**COMMON, "aspect_ratio": RATIOS}, ("prompt",)),
    "stability.sd3-5-large-v1:0": (
        {**COMMON, "aspect_ratio": RATIOS, "mode": word("text-to-image", "image-to-image"),
         "image": encoded(is_picture), "strength": number(0, 1)}, ("prompt",),
    ),
    "stability.stable-image-inpaint-v1:0": (
        {**COMMON, "image": encoded(is_picture), "mask": encoded(is_mask("white"))},
        ("prompt", "image", "mask"),
    ),
}  # fmt: skip


def error(status: int, kind: str, message: str) -> Reply:
    """An error in the vendor's shape."""
    return Reply(status, {"message": message}, {"x-amzn-ErrorType": kind})


class Server(Vendor):
    plugin = "amazon-bedrock"
    key = "bedrock-api-key-1"
    works: ClassVar = {
        "generate": Work(
            model="stability.stable-image-ultra-v1:1", cost="0.14",
            settings={"aspect_ratio": "3:2", "seed": 12, "output_format": "png"},
        ),
        "edit": Work(
            model="stability.sd3-5-large-v1:0", images=1, settings={"output_format": "jpeg"},
            cost="0.08",
        ),
        "inpaint": Work(
            model="stability.stable-image-inpaint-v1:0", images=1, has_mask=True,
            settings={"output_format": "png"}, cost="0.07",
        ),
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(429, "ThrottlingException", "Too many requests"),
        "fail": error(500, "InternalServerException", "Internal error"),
        "shed": error(503, "ServiceUnavailableException", "Unavailable"),
        "break": error(424, "ModelErrorException", "The model failed"),
    }
    refusals: ClassVar = {
        "refuse the prompt": Fault.REFUSED, "refuse the output image": Fault.REFUSED_RESULT,
    }  # fmt: skip
    failures: ClassVar = {
        "fail": Fault.SERVER_ERROR, "shed": Fault.OVERLOADED, "break": Fault.SERVER_ERROR,
    }  # fmt: skip
    retry_after = None

    def unauthorised(self) -> Reply:
        kind = "UnrecognizedClientException"
        return error(403, kind, "The security token included in the request is invalid.")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, "ValidationException", str(found[0]))

    @on("POST", "/model/{model...}/invoke")
    def invoke(self, request: Request, model: str) -> Reply:
        if "/" in model or ":" in model or unquote(model) not in MODELS:
            self.complain(f"there is no model {model}")
            return error(404, "ResourceNotFoundException", "Could not resolve the model")
        fields, required = MODELS[unquote(model)]
        body = self.accept(request.json, fields, required)
        if ("image" in body) is (body.get("mode", "text-to-image") != "image-to-image") and (
            "sd3" in model
        ):
            self.complain(f"an image, or none, in mode {body.get('mode')}")
        return self.answer(body)

    def answer(self, body: Mapping[str, Any]) -> Reply:
        prompt = body["prompt"]
        self.begin(prompt)
        for part in ("prompt", "output image"):
            if f"refuse the {part}" in prompt:
                filtered = {"seeds": [12], "finish_reasons": [f"Filter reason: {part}"]}
                return Reply(200, {**filtered, "images": [""]})
        size = pixels(body.get("aspect_ratio", "1:1"))
        encoded = self.encoded(size, body.get("output_format", "png"))
        return Reply(200, {"seeds": [12], "finish_reasons": [None], "images": [encoded]})


class Signed(Server):
    """The same for an access key: every request is signed, by signature version 4."""

    label = "amazon-bedrock-signed"
    key = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG"

    def admits(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/([\w-]+)/bedrock/aws4_request, ?"
            r"SignedHeaders=(\S+), ?Signature=([0-9a-f]{64})",
            given,
        )
        if found is None:
            return False
        id, day, region, names, signature = found.groups()
        known, secret = self.key.split(":")
        scope = f"{day}/{region}/bedrock/aws4_request"
        to_sign = "\n".join(
            ("AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, _canonical(request, names))
        )
        key = f"AWS4{secret}".encode()
        for step in (day, region, "bedrock", "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        return id == known and hmac.digest(key, to_sign.encode(), "sha256").hex() == signature


def _canonical(request: Request, names: str) -> str:
    """The hash of the request in canonical form: its path is percent-encoded once more."""
    headers = "".join(f"{name}:{request.headers[name]}\n" for name in names.split(";"))
    lines = (
        request.method, quote(request.path, safe="/-_.~"), "", headers, names,
        hashlib.sha256(request.body).hexdigest(),
    )  # fmt: skip
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
