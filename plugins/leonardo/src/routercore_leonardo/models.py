"""Leonardo's platform models, as data: the API knows them by UUIDs.

Ids: https://docs.leonardo.ai/docs/legacy-generation; fields: leonardo-ai-sdk 7.0.0; both read on
2026-11-21. What a credit costs depends on the plan, so that no price is declared.
"""

from __future__ import annotations

from routercore.provider import WILDCARD, Form, MaskPolarity, ModelCard, Operation, SizeRange

SIZES = SizeRange(min_edge=32, max_edge=1536, multiple_of=8)
ALL = frozenset(Operation)
GENERATE = frozenset({Operation.GENERATE})
UNVERIFIED = frozenset({"prices", "formats", "max_prompt"})


def _card(id: str, name: str, *aliases: str, edits: bool = False) -> ModelCard:
    return ModelCard(
        id=id,
        name=name,
        aliases=aliases,
        operations=ALL if edits else GENERATE,
        sizes=SIZES,
        formats=("jpeg",),
        choose_format=False,
        forms=(Form.URL,),
        max_n=4,  # Eight while no edge is over 768 pixels, which the usual sizes are.
        max_prompt=1500,
        max_images=1 if edits else 0,
        mask=MaskPolarity.WHITE if edits else None,
        seed=True,
        negative_prompt=True,
        latency=15.0,
        unverified=UNVERIFIED | {"operations", "mask"} if edits else UNVERIFIED,
    )


CARDS = (
    _card("7b592283-e8a7-4c5a-9ba6-d18c31f258b9", "lucid-origin"),
    _card("05ce0082-2d80-4a2d-8653-4d1c85e2418e", "lucid-realism"),
    _card("de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3", "leonardo-phoenix-1.0", "phoenix-1.0"),
    _card("6b645e3a-d64f-4341-a6d8-7a3690fbf042", "leonardo-phoenix-0.9", "phoenix-0.9"),
    _card("b2614463-296c-462a-9586-aafdb8f00e36", "flux-dev", "flux-1-dev"),
    _card("1dd50843-d653-4516-a8e3-f0238ee453ff", "flux-schnell", "flux-1-schnell"),
    _card("e71a1c2f-4f80-4800-934f-2c68979d8cc8", "leonardo-anime-xl", edits=True),
    _card("b24e16ff-06e3-43eb-8d33-4416c2d75876", "leonardo-lightning-xl", edits=True),
    _card("16e7060a-803e-4df3-97ee-edcfa5dc9cc8", "sdxl-1.0", edits=True),
    _card("aa77f04e-3eec-4034-9c07-d0f619684628", "leonardo-kino-xl", edits=True),
    _card("5c232a9e-9061-4777-980a-ddc8e65647c6", "leonardo-vision-xl", edits=True),
    _card("1e60896f-3c26-4296-8ecc-53e2afecc132", "leonardo-diffusion-xl", edits=True),
    _card("2067ae52-33fd-4a82-bb92-c2c55e7d2786", "albedobase-xl", edits=True),
    _card(WILDCARD, "", edits=True),
)
