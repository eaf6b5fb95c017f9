"""OpenAI's models on Azure: deployments, a key in a header of its own, a content filter."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.vendors import openai
from tests.vendors.images_api import REFUSED, error
from tests.vendors.server import Reply, Request, Work, on
from tests.vendors.shape import exactly

from routercore.values.faults import Fault

DEPLOYMENT = "my-flare"


def filtered(code: str) -> Reply:
    """A refusal of the content filter."""
    results = {"sexual": {"filtered": False}, "violence": {"filtered": True, "severity": "high"}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_results": results}
    fields = {
        "code": code, "message": "The response was filtered", "param": "prompt", "type": None,
        "status": 400, "innererror": inner,
    }  # fmt: skip
    return Reply(400, {"error": fields})


class Server(openai.Server):
    plugin = "azure-openai"
    credential = ("api-key", "{key}")
    works: ClassVar = {
        name: Work(
            model=work.model, settings=work.settings, images=work.images, has_mask=work.has_mask,
            cost=work.cost, basis=work.basis,
        )
        for name, work in openai.Server.works.items()
    }  # fmt: skip
    instead: ClassVar = {
        "rate limit": error(
            429, "Requests have exceeded the call rate limit", code="429",
            headers={"Retry-After": "2"},
        ),
        "refuse as OpenAI": REFUSED,
        "refuse an image": filtered("contentFilter"),
        "refuse the words": filtered("content_policy_violation"),
        "refuse": filtered("content_filter"),
        "fail": error(500, "Internal server error", code="InternalServerError"),
    }  # fmt: skip
    refusals: ClassVar = {
        "refuse": Fault.REFUSED, "refuse an image": Fault.REFUSED,
        "refuse the words": Fault.REFUSED, "refuse as OpenAI": Fault.REFUSED,
    }  # fmt: skip

    def settings(self) -> dict[str, Any]:
        return {"base_url": f"{self.origin}/openai/v1", "options": {"deployment": DEPLOYMENT}}

    def unauthorised(self) -> Reply:
        return Reply(401, {"error": {"code": "401", "message": "Access denied due to invalid key"}})

    def unknown(self, request: Request) -> Reply:
        return Reply(404, {"error": {"code": "DeploymentNotFound", "message": "No deployment"}})

    @on("POST", "/openai/v1/images/generations")
    def generate(self, request: Request) -> Reply:
        fields = {**openai.GENERATION, "model": exactly(DEPLOYMENT)}
        body = self.accept(request.json, fields, ("prompt", "model"))
        return self.answer(body, int(body.get("n", 1)), 0)

    @on("POST", "/openai/v1/images/edits")
    def edit(self, request: Request) -> Reply:
        return self.edited(request.form, {**openai.EDIT, "model": exactly(DEPLOYMENT)})


class OlderSurface(Server):
    """The deployment in the path, and no model in the body."""

    label = "azure-openai-deployments"

    def settings(self) -> dict[str, Any]:
        return {
            "base_url": f"{self.origin}/openai/deployments",
            "options": {"deployment": DEPLOYMENT, "api_version": "2025-04-01-preview"},
        }

    @on("POST", f"/openai/deployments/{DEPLOYMENT}/images/generations")
    def generate(self, request: Request) -> Reply:
        self.check_version(request)
        fields = {name: one for name, one in openai.GENERATION.items() if name != "model"}
        body = self.accept(request.json, fields, ("prompt",))
        return self.answer(body, int(body.get("n", 1)), 0)

    @on("POST", f"/openai/deployments/{DEPLOYMENT}/images/edits")
    def edit(self, request: Request) -> Reply:
        self.check_version(request)
        fields = {name: one for name, one in openai.EDIT.items() if name != "model"}
        return self.edited(request.form, fields)

    def check_version(self, request: Request) -> None:
        if request.query != {"api-version": "2025-04-01-preview"}:
            self.complain(f"the version is {request.query}")
