"""Pictures on their way to the server, and back."""

from __future__ import annotations

from routercore.provider import (
    Fault,
    Flow,
    HttpResponse,
    Part,
    ProviderFailed,
    Task,
    call,
    fail,
    fields,
    get,
    patiently,
    post_form,
    text_at,
)

FILE_TRIES = 4
UPLOADED = {"overwrite": True, "type": "input"}


def uploaded(task: Task, file: Part) -> Flow[str]:
    """Put a picture where the workflow can load it; the reply is the name that it got."""
    form = [file, *fields(UPLOADED)]
    response = yield from call(post_form(task.url("/upload/image"), form, billable=False))
    body = response.object()
    name, folder = text_at(body, "name"), text_at(body, "subfolder")
    if name is None:
        raise fail(Fault.REPLY_CUT, "the answer to an upload names no file")
    return f"{folder}/{name}" if folder else name


def fetched(url: str) -> Flow[HttpResponse]:
    """A picture that the server has made."""
    try:
        return (yield from patiently(get(url), tries=FILE_TRIES))
    except ProviderFailed as error:
        if error.failure.fault is not Fault.MODEL_NOT_FOUND:
            raise
        raise fail(Fault.RESULT_UNAVAILABLE, "the server no longer has the picture") from error
