"""``InvokeModel``: JSON in, base64 out, and refusals in a 200."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from routercore.provider import (
    Charge,
    Failure,
    Fault,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    ModelCard,
    OneShot,
    Option,
    ProviderFailed,
    RawImage,
    Task,
    at,
    call,
    classify_status,
    compact,
    fail,
    get,
    list_at,
    refused,
    text_at,
    whole_at,
)
from routercore_amazon_bedrock.models import CARDS, SERVICES, Service, discovered
from routercore_amazon_bedrock.signing import BedrockAuth, control_plane

FAULTS = {
    "AccessDeniedException": Fault.FORBIDDEN,
    "ExpiredTokenException": Fault.UNAUTHENTICATED,
    "IncompleteSignatureException": Fault.UNAUTHENTICATED,
    "InvalidSignatureException": Fault.UNAUTHENTICATED,
    "MissingAuthenticationTokenException": Fault.UNAUTHENTICATED,
    "UnrecognizedClientException": Fault.UNAUTHENTICATED,
    "ResourceNotFoundException": Fault.MODEL_NOT_FOUND,
    "ValidationException": Fault.INVALID_REQUEST,
    "ServiceQuotaExceededException": Fault.QUOTA,
    "ThrottlingException": Fault.RATE_LIMITED,
    "ModelNotReadyException": Fault.OVERLOADED,
    "ServiceUnavailableException": Fault.OVERLOADED,
    "ModelTimeoutException": Fault.GATEWAY,
    "ModelErrorException": Fault.SERVER_ERROR,
    "InternalServerException": Fault.SERVER_ERROR,
}
STRENGTH = 0.7
"""How far a picture may depart from its input, where the request does not say: Stability insists
on a number, and this one keeps the composition."""


class Bedrock(OneShot):
    """Bedrock's runtime, in the region that the base URL names."""

    name = "amazon-bedrock"
    auth = BedrockAuth("AWS_BEARER_TOKEN_BEDROCK")
    origins = (
        "https://bedrock-runtime.us-west-2.amazonaws.com",
        "https://bedrock.us-west-2.amazonaws.com",
    )
    own_options: ClassVar = dict.fromkeys(
        ("inference_profile", "search_prompt", "select_prompt"), Option()
    )

    def companions(self, base_url: str) -> Sequence[str]:
        host = control_plane(base_url)
        return [host] if host else []

    def catalogue(self) -> Sequence[ModelCard]:
        return CARDS

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]:
        """What a region serves, with Amazon's own word on when it ends."""
        host = control_plane(base_url) or base_url
        request = get(f"{host}/foundation-models", query={"byOutputModality": "IMAGE"})
        response = yield from call(request)
        return discovered(list_at(response.json(), "modelSummaries"))

    def build(self, task: Task) -> HttpRequest:
        options = dict(task.options)
        profile = options.pop("inference_profile", None)
        model = f"{profile}.{task.model}" if profile else task.model
        body = {**_settings(task), **options}
        return HttpRequest(
            method="POST",
            url=task.url(f"model/{quote(model, safe='')}/invoke"),
            headers={"content-type": "application/json", "accept": "application/json"},
            content=json.dumps(body).encode(),  # Bytes, because the signature covers them.
        )

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        body = response.json()
        reasons, seeds = list_at(body, "finish_reasons"), list_at(body, "seeds")
        images = tuple(
            RawImage(base64=data, seed=whole_at(seeds, index))
            for index, data in enumerate(list_at(body, "images"))
            if isinstance(data, str) and data and not at(reasons, index)
        )
        if not images:
            raise _without_image(body)
        return Generated(images=images)

    def classify(self, response: HttpResponse) -> Failure:
        body = response.object()
        kind = response.header("x-amzn-errortype") or text_at(body, "__type") or ""
        kind = kind.partition(":")[0].rpartition("#")[2]
        message = text_at(body, "message") or text_at(body, "Message") or ""
        failure = classify_status(response, message, code=kind or None)
        fault = FAULTS.get(kind, failure.fault)
        # A refusal by status has no name of its own.
        if fault is Fault.INVALID_REQUEST and "content filters" in message:
            fault = Fault.REFUSED
        return replace(failure, fault=fault)


def _settings(task: Task) -> dict[str, Any]:
    """The body, without what the caller gives for Bedrock alone."""
    service = SERVICES.get(task.model, Service())
    missing = [name for name in service.needs if name not in task.options]
    if missing:
        raise fail(Fault.INVALID_REQUEST, f"{task.model!r} needs the option {missing[0]!r}",
                   param=missing[0], only_here=True)  # fmt: skip
    return compact(
        {
            "prompt": task.prompt if task.card.prompt else None,
            "negative_prompt": task.negative_prompt,
            "aspect_ratio": task.aspect_ratio,
            "seed": task.seed,
            "style_preset": task.style,
            "output_format": task.output_format,
            **_pictures(task, service),
        }
    )


def _pictures(task: Task, service: Service) -> dict[str, Any]:
    pictures: dict[str, Any] = {
        name: image.base64 for name, image in zip(service.images, task.images, strict=False)
    }
    if task.mask is not None:
        pictures["mask"] = task.mask.base64
    if service.has_modes:
        pictures["mode"] = "image-to-image" if task.images else "text-to-image"
        if task.images:
            pictures["strength"] = STRENGTH
    return pictures


def _without_image(body: Any) -> ProviderFailed:
    """Why there is no picture; what a filtered result costs is not documented."""
    reason = text_at(body, "finish_reasons", 0) or text_at(body, "status") or ""
    if reason == "Filter reason: output image":
        return refused(reason, after_work=True, charge=Charge.UNKNOWN, code=reason)
    if reason.startswith("Filter reason:") or reason == "Request Moderated":
        words = tuple(map(str, list_at(body, "details", "Moderation Reasons")))
        return refused(reason, code=reason, categories=words)
    if reason == "Inference error":
        return fail(Fault.SERVER_ERROR, reason, code=reason)
    return fail(Fault.NO_IMAGE, f"no image; the reason is {reason!r}")
