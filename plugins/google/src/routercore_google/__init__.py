"""Google's Gemini image models, by AI Studio (``google``) and Vertex AI (``google-vertex``)."""

from collections.abc import Iterable

from routercore.provider import Provider, hookimpl
from routercore_google.gemini import AIStudio, Vertex


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [AIStudio(), Vertex()]
