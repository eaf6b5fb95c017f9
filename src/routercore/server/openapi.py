"""The description of the API, made of the models that read it."""

from __future__ import annotations

from typing import Any

from routercore import __version__
from routercore.server.body import MAX_IMAGES, ImageBody
from routercore.server.listing import BARE
from routercore.server.queries import MAX_LIMIT
from routercore.server.records import JobState
from routercore.values.money import Basis

SCHEMAS = "#/components/schemas/"
_NULLABLE_TEXT = {"type": ["string", "null"]}
_NUMBER = {"type": ["number", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_BINARY = {"type": "string", "format": "binary"}

_PROBLEM = {
    "type": "object",
    "required": ["message", "type", "param", "code"],
    "properties": {
        "message": {"type": "string"},
        "type": {"type": "string"},
        "param": _NULLABLE_TEXT,
        "code": _NULLABLE_TEXT,
    },
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": _PROBLEM}}
_TOKENS = {
    "type": "object",
    "required": ["text_tokens", "image_tokens"],
    "properties": {"text_tokens": _COUNT, "image_tokens": _COUNT},
}
_USAGE = {
    "type": "object",
    "required": ["input_tokens", "input_tokens_details", "output_tokens", "total_tokens"],
    "properties": {
        "input_tokens": _COUNT,
        "input_tokens_details": _TOKENS,
        "output_tokens": _COUNT,
        "output_tokens_details": _TOKENS,
        "total_tokens": _COUNT,
    },
}
_IMAGE = {
    "type": "object",
    "properties": {
        "url": {"type": "string"},
        "b64_json": {"type": "string"},
        "revised_prompt": {"type": "string"},
        "seed": {"type": "integer"},
        "size": {"type": "string"},
        "output_format": {"type": "string"},
        "target": {"type": "string"},
    },
}
_ANSWER = {
    "type": "object",
    "required": ["created", "data", "output_format", "provider", "cost", "cost_basis", "latency",
                 "attempts", "warnings", "missing"],
    "properties": {
        "created": {"type": "integer"},
        "data": {"type": "array", "items": {"$ref": SCHEMAS + "Image"}},
        "background": {"type": "string"},
        "output_format": {"type": "string"},
        "quality": {"type": "string"},
        "size": {"type": "string"},
        "usage": {"$ref": SCHEMAS + "Usage"},
        "svg_usage": {
            "type": "object",
            "properties": {
                "model": {"type": "string"},
                **dict.fromkeys(
                    ("input_tokens", "output_tokens", "reasoning_tokens", "total_tokens"), _COUNT
                ),
            },
        },
        "safety_identifier": {"type": "string"},
        "id": {"type": "string"},
        "model": {"type": "string"},
        "provider": {"type": "string"},
        "cost": _NUMBER,
        "cost_basis": {"enum": [basis.value for basis in Basis]},
        "latency": {"type": "integer", "description": "milliseconds"},
        "attempts": _COUNT,
        "cache": {"enum": ["hit", "miss", "joined", "bypass"]},
        "requested": {"type": "object"},
        "warnings": {"type": "array", "items": {"type": "object"}},
        "missing": {"type": "array", "items": _PROBLEM},
    },
}  # fmt: skip
_EVENTS = [
    "image_generation.partial_image", "image_generation.completed", "image_edit.partial_image",
    "image_edit.completed", "error",
]  # fmt: skip
_EVENT = {
    "type": "object",
    "description": "One server-sent event; its data is JSON.",
    "required": ["event", "data"],
    "properties": {"event": {"enum": _EVENTS}, "data": {"type": "string"}},
}
_MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by", "name"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
        "shutdown_date": _NULLABLE_TEXT,
        "name": {"type": "string"},
    },
}
_JOB = {
    "type": "object",
    "required": ["id", "object", "status", "created", "links"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "image.job"},
        "status": {"enum": [state.value for state in JobState]},
        "created": {"type": "integer"},
        "links": {
            "type": "object",
            "required": ["self", "events"],
            "properties": {"self": {"type": "string"}, "events": {"type": "string"}},
        },
        "deleted": {"type": "boolean"},
    },
}
_CREDITS = {
    "type": "object",
    "required": ["remaining_credits", "credit_usage", "total_deposits"],
    "properties": {
        "remaining_credits": _NULLABLE_TEXT,
        "credit_usage": {"type": "string"},
        "total_deposits": _NULLABLE_TEXT,
        "api_keys": {"type": "array", "items": {"type": "object"}},
    },
}
_PRICE = {
    "low": _NUMBER, "expected": _NUMBER, "high": _NUMBER,
    "basis": {"enum": ["reported", "tokens", "table", "estimate", "unknown"]},
}  # fmt: skip
_ESTIMATE = {
    "type": "object",
    "required": ["object", "model", "operation", "n", "strategy", "currency", *_PRICE, "at_most",
                 "targets", "rejected"],
    "properties": {
        "object": {"const": "image.estimate"},
        "model": {"type": "string"},
        "operation": {"enum": ["generate", "edit", "inpaint"]},
        "n": {"type": "integer", "minimum": 1},
        "strategy": {"type": "string"},
        "currency": {"const": "USD"},
        **_PRICE,
        "at_most": _NUMBER,
        "targets": {"type": "array", "items": {
            "type": "object",
            "required": ["target", "provider", "via", *_PRICE, "warnings", "share"],
            "properties": {
                "target": {"type": "string"}, "provider": {"type": "string"},
                "via": _NULLABLE_TEXT, **_PRICE, "share": _COUNT,
                "warnings": {"type": "array", "items": {"type": "object"}},
            },
        }},
        "rejected": {"type": "array", "items": {
            "type": "object",
            "required": ["target", "reasons"],
            "properties": {
                "target": {"type": "string"},
                "reasons": {"type": "array", "items": {
                    "type": "object",
                    "required": ["param", "message"],
                    "properties": {"param": {"type": "string"}, "message": {"type": "string"}},
                }},
            },
        }},
    },
}  # fmt: skip
_PREFER = {
    "name": "Prefer", "in": "header", "required": False,
    "schema": {"type": "string", "pattern": "^(respond-async|wait=[0-9])$"},
    "description": "respond-async, wait=SECONDS (RFC 7240)",
}  # fmt: skip
_KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$"},
}  # fmt: skip
_REFERENCE = {
    "name": "X-Request-Id", "in": "header", "required": False,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
    "description": "what the client calls this request; it is found as a job by it",
}  # fmt: skip
_LISTED = {**_MODEL, "required": ["id", "object"]}
_BARE_MODELS = {"type": "array", "items": _LISTED}
_MODELS = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": _BARE_MODELS},
}


def document(*, default_model: str | None) -> dict[str, Any]:
    """The OpenAPI 3.1 document of this server."""
    schemas = {
        "Error": _ERROR, "Usage": _USAGE, "Image": _IMAGE, "Answer": _ANSWER, "Model": _MODEL,
        "Models": _MODELS, "BareModels": _BARE_MODELS,
        "ModelsByName": {"type": "object", "additionalProperties": _LISTED},
        "Job": _JOB, "Credits": _CREDITS, "Estimate": _ESTIMATE,
        **_request_schemas(default_model),
    }  # fmt: skip
    paths: dict[str, Any] = {"/health": {"get": _operation("health", "object", secured=False)}}
    for prefix in ("/v1", "/v1/openai"):
        name = "" if prefix == "/v1" else "_openai"
        images = f"{prefix}/images"
        paths |= {
            f"{images}/generations": {"post": _making(f"create_image{name}")},
            f"{images}/edits": {"post": _making(f"edit_image{name}")},
            f"{images}/estimate": {"post": _asking(f"estimate_image{name}", "Estimate")},
            f"{images}/jobs/{{id}}": _tracking(name),
            f"{images}/jobs/{{id}}/events": {"get": _following(f"follow_job{name}")},
            f"{prefix}/auth/test": {"post": _operation(f"test_key{name}", "object")},
            f"{prefix}/credits": {"get": _accounting(f"credits{name}")},
            f"{prefix}/models": {"get": _listing(f"list_models{name}", "Models")},
            f"{prefix}/models/{{id}}": {"get": _retrieving(f"retrieve_model{name}")},
            f"{images}/models": {"get": _listing(f"name_models{name}", "ModelsByName")},
        }
    for number, path in enumerate(BARE, 2):
        paths |= {
            path: {"get": _listing(f"list_models_{number}", "BareModels")},
            f"{path}/{{id}}": {"get": _retrieving(f"retrieve_model_{number}")},
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "routercore", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _request_schemas(default_model: str | None) -> dict[str, Any]:
    """The body of an image request, as JSON and as a form, and what it refers to."""
    body = ImageBody.model_json_schema(ref_template=SCHEMAS + "{model}")
    references = body.pop("$defs", {})
    if default_model is None:
        body["required"] = ["prompt", "model"]
        body["properties"]["model"] = body["properties"]["model"]["anyOf"][0]
    for property in body["properties"].values():
        property.pop("default", None)
    plain = {n: p for n, p in body["properties"].items() if n not in ("images", "image", "mask",
                                                                      "markup")}  # fmt: skip
    pictures = {
        "image": _BINARY,
        "image[]": {"type": "array", "items": _BINARY, "maxItems": MAX_IMAGES},
        "mask": _BINARY,
        "markup": _BINARY,
    }
    form = {**body, "title": "ImageForm", "properties": {**plain, **pictures}}
    return {**references, "ImageBody": body, "ImageForm": form}


def _making(name: str) -> dict[str, Any]:
    """An operation that makes images."""
    operation = _asking(name, "Answer")
    operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": _EVENT}
    operation["responses"]["202"] = _accepted()
    operation["parameters"] = [_PREFER, _KEY, _REFERENCE]
    return operation


def _asking(name: str, answer: str) -> dict[str, Any]:
    """An operation that takes an image request."""
    operation = _operation(name, answer)
    operation["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": SCHEMAS + "ImageBody"}},
            "multipart/form-data": {"schema": {"$ref": SCHEMAS + "ImageForm"}},
        },
    }
    return operation


def _accepted() -> dict[str, Any]:
    """The answer that there is none yet."""
    schema = {"$ref": SCHEMAS + "Job"}
    return {
        "description": "Under way",
        "headers": {"Location": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": schema}},
    }


def _tracking(name: str) -> dict[str, Any]:
    """What can be done with a job."""
    polling = _retrieving(f"retrieve_job{name}", "Answer")
    polling["parameters"].append(_PREFER)
    polling["responses"]["202"] = _accepted()
    return {"get": polling, "delete": _retrieving(f"cancel_job{name}", "Job")}


def _following(name: str) -> dict[str, Any]:
    operation = _retrieving(name, "object")
    operation["responses"]["200"]["content"] = {"text/event-stream": {"schema": _EVENT}}
    return operation


def _listing(name: str, answer: str) -> dict[str, Any]:
    operation = _operation(name, answer)
    orders = [sign + order for order in ("name", "provider", "price", "date") for sign in ("", "-")]
    schemas: dict[str, Any] = {
        "type": {"type": "string"}, "inputType": {"type": "string"},
        "provider": {"type": "string"}, "name": {"type": "string"}, "free": {"type": "boolean"},
        "sort": {"enum": orders}, "fields": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    }  # fmt: skip
    operation["parameters"] = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in schemas.items()
    ]
    return operation


def _accounting(name: str) -> dict[str, Any]:
    operation = _operation(name, "Credits")
    operation["parameters"] = [
        {"name": "by_api_key", "in": "query", "required": False, "schema": {"type": "boolean"}}
    ]
    return operation


def _retrieving(name: str, answer: str = "Model") -> dict[str, Any]:
    operation = _operation(name, answer)
    operation["parameters"] = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    return operation


def _operation(name: str, answer: str, *, secured: bool = True) -> dict[str, Any]:
    schema = {"type": "object"} if answer == "object" else {"$ref": SCHEMAS + answer}
    error = {"$ref": SCHEMAS + "Error"}
    return {
        "operationId": name,
        "security": [{"key": []}, {}] if secured else [],
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": schema}}},
            "default": {
                "description": "An error",
                "content": {"application/json": {"schema": error}},
            },
        },
    }
