"""DeepInfra: FLUX and Stable Diffusion, to generate by its own API and to edit by OpenAI's."""

from collections.abc import Iterable

from routercore.provider import Provider, bearer, hookimpl
from routercore_deepinfra.models import CARDS
from routercore_deepinfra.service import DeepInfra

DEEPINFRA = DeepInfra(
    name="deepinfra",
    auth=bearer("DEEPINFRA_API_KEY"),
    origins=("https://api.deepinfra.com/v1",),
    cards=CARDS,
    edits_path="/openai/images/edits",
    models_path="/openai/models",
    images_field="image",
    response_format="b64_json",
    lists_other_models=True,
    setting_fields={"seed": None, "negative_prompt": None},
)


@hookimpl
def routercore_providers() -> Iterable[Provider]:
    return [DEEPINFRA]
