"""OpenAI's image models as deployments on Microsoft Azure."""

from collections.abc import Iterable

from routercore.provider import Option, Provider, hookimpl
from routercore_azure_openai.models import CARDS
from routercore_azure_openai.service import NO_RESOURCE, OWN_OPTIONS, AzureOpenAI
from routercore_azure_openai.signing import AzureAuth

AZURE_OPENAI = AzureOpenAI(
    name="azure-openai",
    auth=AzureAuth("AZURE_OPENAI_API_KEY"),
    origins=(NO_RESOURCE,),
    cards=CARDS,
    models_path=None,
    own_options=dict.fromkeys(OWN_OPTIONS, Option()),
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [AZURE_OPENAI]
