"""What a validator expected, in words for people: no class names, and no regular expressions."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import ErrorDetails

_EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("string_type", "string_sub_type", "string_unicode"), "it should be text"),
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_parsing_size", "int_from_float"),
        "it should be a whole number",
    ),
    **dict.fromkeys(
        ("float_type", "float_parsing", "decimal_type", "decimal_parsing"), "it should be a number"
    ),
    **dict.fromkeys(("bool_type", "bool_parsing"), "it should be true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"),
                    "it should be a list"),
    "finite_number": "it should be a finite number",
    "greater_than": "it should be greater than {gt}",
    "greater_than_equal": "it should be at least {ge}",
    "less_than": "it should be less than {lt}",
    "less_than_equal": "it should be at most {le}",
    "string_too_short": "it should have at least {min_length} characters",
    "string_too_long": "it should have at most {max_length} characters",
    "too_short": "it should have at least {min_length} entries",
    "too_long": "it should have at most {max_length} entries",
    "string_pattern_mismatch": "it has characters that cannot be in it",
    "literal_error": "it should be {expected}",
    "enum": "it should be {expected}",
    "value_error": "{error}",
    "missing": "it is missing",
}  # fmt: skip
_TABLES = ("model_type", "model_attributes_type", "mapping_type", "dict_type")


def expected(details: ErrorDetails, *, table: str) -> str:
    """What a value should have been; ``table`` is what a mapping is called where it stands."""
    kind = details["type"]
    if kind in _TABLES:
        return f"it should be {table}"
    if kind.startswith("too_") and isinstance(details.get("input"), str):
        kind = f"string_{kind}"  # Of a secret, which the validator does not look into.
    words = _EXPECTED.get(kind)
    if words is None:
        return details["msg"].replace("Input should", "it should")
    return words.format(**{name: _plain(value) for name, value in details.get("ctx", {}).items()})


def _plain(value: object) -> object:
    """A bound as it would be written: 0, not 0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
