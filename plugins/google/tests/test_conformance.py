"""The conformance kit on this plugin."""

from routercore.testing.conformance import ProviderTests
from routercore_google.gemini import AIStudio, Vertex


class TestAIStudio(ProviderTests):
    """Every check, as any author runs them."""

    provider = AIStudio()


class TestVertex(ProviderTests):
    """The same on Vertex AI."""

    provider = Vertex()
