"""The conformance kit on this plugin."""

from routercore.testing.conformance import ProviderTests
from routercore_sdcpp import routercore_providers


class TestConformance(ProviderTests):
    """Every check, as any author runs them."""

    (provider,) = routercore_providers()
