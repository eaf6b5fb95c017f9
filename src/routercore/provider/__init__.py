"""All that a plugin's author imports. Standard library alone; ``hookimpl`` loads pluggy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routercore.provider.auth import Auth, Header, NoAuth, bearer
from routercore.provider.cards import card_from
from routercore.provider.classify import classify_openai, classify_status
from routercore.provider.flow import (
    Call,
    Effect,
    Emit,
    Flow,
    NextEvent,
    Open,
    Run,
    Wait,
    accepted,
    call,
    fail,
    next_event,
    open_stream,
    partial,
    progress,
    refused,
    run,
    run_in_thread,
    wait,
)
from routercore.provider.http import (
    HttpRequest,
    HttpResponse,
    Part,
    ServerEvent,
    compact,
    fields,
    file_part,
    get,
    post_form,
    post_json,
)
from routercore.provider.images_api import generated
from routercore.provider.options import Option, nearest, wrong_options
from routercore.provider.reading import (
    at,
    date_at,
    fraction_at,
    list_at,
    number_at,
    text_at,
    whole_at,
)
from routercore.provider.row import Row
from routercore.provider.rungs import (
    Job,
    JobState,
    JobStatus,
    OneShot,
    ended,
    named_job,
    patiently,
    unnamed_job,
)
from routercore.provider.spec import (
    API_VERSION,
    Cancels,
    ChecksOptions,
    Discovers,
    Finds,
    HasCompanions,
    Provider,
    Rehearses,
    Resumes,
)
from routercore.values.catalogue import WILDCARD, Form, MaskPolarity, ModelCard
from routercore.values.events import Accepted, Event, Observer, Partial, Progress
from routercore.values.faults import Charge, Failure, Fault, ProviderFailed
from routercore.values.images import Generated, InputImage, Operation, RawImage, Task, Warning
from routercore.values.money import Per, Price, Usage, usd, usd_table
from routercore.values.sizes import AnySize, FixedSizes, InputSize, RatioSizes, Size, SizeRange

if TYPE_CHECKING:
    from routercore.provider.hooks import hookimpl

__all__ = [
    "API_VERSION",
    "WILDCARD",
    "Accepted",
    "AnySize",
    "Auth",
    "Call",
    "Cancels",
    "Charge",
    "ChecksOptions",
    "Discovers",
    "Effect",
    "Emit",
    "Event",
    "Failure",
    "Fault",
    "Finds",
    "FixedSizes",
    "Flow",
    "Form",
    "Generated",
    "HasCompanions",
    "Header",
    "HttpRequest",
    "HttpResponse",
    "InputImage",
    "InputSize",
    "Job",
    "JobState",
    "JobStatus",
    "MaskPolarity",
    "ModelCard",
    "NextEvent",
    "NoAuth",
    "Observer",
    "OneShot",
    "Open",
    "Operation",
    "Option",
    "Part",
    "Partial",
    "Per",
    "Price",
    "Progress",
    "Provider",
    "ProviderFailed",
    "RatioSizes",
    "RawImage",
    "Rehearses",
    "Resumes",
    "Row",
    "Run",
    "ServerEvent",
    "Size",
    "SizeRange",
    "Task",
    "Usage",
    "Wait",
    "Warning",
    "accepted",
    "at",
    "bearer",
    "call",
    "card_from",
    "classify_openai",
    "classify_status",
    "compact",
    "date_at",
    "ended",
    "fail",
    "fields",
    "file_part",
    "fraction_at",
    "generated",
    "get",
    "hookimpl",
    "list_at",
    "named_job",
    "nearest",
    "next_event",
    "number_at",
    "open_stream",
    "partial",
    "patiently",
    "post_form",
    "post_json",
    "progress",
    "refused",
    "run",
    "run_in_thread",
    "text_at",
    "unnamed_job",
    "usd",
    "usd_table",
    "wait",
    "whole_at",
    "wrong_options",
]


def __getattr__(name: str) -> Any:
    if name == "hookimpl":
        from routercore.provider.hooks import hookimpl

        return hookimpl
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
