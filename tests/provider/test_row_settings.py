"""Rows and the settings that OpenAI's API lacks: sent under a name of the service's, or refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.provider.test_row import CARD, ROW, task

from routercore.provider import InputImage, Operation, RatioSizes
from routercore.testing.transcripts import form_values

OWN = {"seed": "random_seed", "negative_prompt": "avoid", "aspect_ratio": "ratio",
       "resolution": "tier", "output_format": "image_format"}  # fmt: skip
ALL_OWN = replace(
    CARD,
    seed=True,
    negative_prompt=True,
    formats=("png", "webp"),
    sizes=RatioSizes(ratios=("1:1", "16:9"), tiers=("1K", "2K")),
)


@pytest.mark.parametrize("images", [(), (InputImage(b"png"),)])
def test_settings_that_openai_lacks_go_out_under_the_services_names(images: Any) -> None:
    """In JSON and in forms, what a card declares is sent, and nothing that was not asked for."""
    row = replace(ROW, cards=(ALL_OWN,), setting_fields=OWN)
    asked = {"seed": 7, "negative_prompt": "fog", "aspect_ratio": "16:9", "resolution": "2K",
             "output_format": "webp"}  # fmt: skip
    expected = {OWN[name]: value for name, value in asked.items()}
    assert expected.items() <= row.body(task(card=ALL_OWN, images=images, **asked)).items()
    request = row.build(task(card=ALL_OWN, images=images, **asked))
    sent = form_values(request.form) if request.form else request.json
    assert {name: str(value) for name, value in expected.items()}.items() <= {
        name: str(value) for name, value in sent.items()
    }.items()
    assert not {*OWN, *OWN.values()} & row.body(task(card=ALL_OWN, images=images)).keys()


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"seed": True}, "declares seed, which would not be sent"),
        ({"negative_prompt": True}, "declares negative_prompt,"),
        ({"sizes": RatioSizes(ratios=("1:1",))}, "declares aspect_ratio,"),
        (
            {"operation_sizes": {Operation.EDIT: RatioSizes(ratios=("1:1",), tiers=("1K",))}},
            "declares aspect_ratio, resolution,",
        ),
    ],
)
def test_a_row_declares_nothing_that_it_does_not_send(declared: Any, message: str) -> None:
    """A card that promises what the row has no field for is its author's mistake, said at once."""
    with pytest.raises(ValueError, match=message):
        replace(ROW, cards=(replace(CARD, **declared),))
    assert () == ROW.unsent(CARD)


def test_a_field_is_for_a_setting() -> None:
    """A misspelt setting is refused when the row is made, not when somebody asks for it."""
    with pytest.raises(ValueError, match="no setting: sead"):
        replace(ROW, setting_fields={"sead": "seed"})
