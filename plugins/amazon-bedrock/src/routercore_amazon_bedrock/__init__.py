"""Amazon Bedrock's image models: Stability's generators and its editing services."""

from collections.abc import Iterable

from routercore.provider import Provider, hookimpl
from routercore_amazon_bedrock.bedrock import Bedrock


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [Bedrock()]
