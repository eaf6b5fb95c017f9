"""What was meant by a parameter that does not exist: a misspelling, or another service's word."""

from __future__ import annotations

from collections.abc import Mapping

from routercore.provider.options import closest
from routercore.server.body import ImageBody
from routercore.values.charging import COUNTS, plain

_OURS = {plain(name): name for name in ImageBody.model_fields}
_THEIRS: Mapping[str, str] = {
    **dict.fromkeys((*COUNTS, "count", "numberofimages", "imagecount", "num"), "n"),
    **dict.fromkeys(("width", "height", "imagesize", "dimensions"), "size"),
    **dict.fromkeys(("negative", "uncond"), "negative_prompt"),
    **dict.fromkeys(("ratio", "imageaspectratio"), "aspect_ratio"),
    **dict.fromkeys(("format", "imageformat", "outputmimetype", "mimetype"), "output_format"),
    **dict.fromkeys(("compression", "outputquality"), "output_compression"),
    **dict.fromkeys(("imageurl", "imageurls", "inputimage", "inputimages", "initimage",
                     "referenceimage", "referenceimages"), "image"),
    **dict.fromkeys(("maskimage", "maskurl"), "mask"),
    **dict.fromkeys(("modelid", "modelname"), "model"),
    "randomseed": "seed",
    "text": "prompt",
    "tier": "resolution",
}  # fmt: skip
"""Well-known names of other services, without what they spell differently."""
_OPTIONS = frozenset(
    {"steps", "inferencesteps", "numsteps", "numinferencesteps", "guidance", "guidancescale", "cfg",
     "cfgscale", "scheduler", "sampler", "samplername", "samplerindex", "strength",
     "promptstrength", "denoisingstrength", "clipskip", "lora", "loras", "stylepreset",
     "enhanceprompt", "promptupsampling", "safetytolerance", "enablesafetychecker"}
)  # fmt: skip
"""What is near no parameter of ours: an option of one provider, whatever it looks like."""


def unknown(name: str) -> str:
    """The refusal of a parameter, with what was meant by it where that can be told."""
    word = plain(name)
    if "." in name:
        return f"Unknown parameter: '{name}'."
    meant = (
        None
        if word in _OPTIONS
        else _OURS.get(word) or _THEIRS.get(word) or closest(name, ImageBody.model_fields)
    )
    hint = f" Did you mean '{meant}'?" if meant else ""
    option = f'"{name}": …' if word in _OPTIONS else "…"
    return (
        f"Unknown parameter: '{name}'.{hint} What only one provider understands goes into"
        f' provider_options, as {{"NAME": {{{option}}}}}.'
    )
