"""OpenAI's image models as deployments on Microsoft Azure."""

from collections.abc import Iterable

from routercore.provider import Provider, hookimpl
from routercore_azure_openai.models import CARDS
from routercore_azure_openai.service import NO_RESOURCE, AzureOpenAI
from routercore_azure_openai.signing import AzureAuth

AZURE_OPENAI = AzureOpenAI(
    name="azure-openai",
    auth=AzureAuth("AZURE_OPENAI_API_KEY"),
    origins=(NO_RESOURCE,),
    cards=CARDS,
    models_path=None,
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [AZURE_OPENAI]
