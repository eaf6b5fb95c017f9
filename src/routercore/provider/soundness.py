"""Whether what a plugin contributes is a provider that can be used; if not, words for its author.

Whoever asks for a key, an address or a card later relies on it: one careless provider must not be
everybody's exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from routercore.provider.spec import Provider
from routercore.values.catalogue import ModelCard
from routercore.values.sizes import unreadable


def no_provider(thing: object) -> str:
    """Why something that a plugin contributes is no provider."""
    if isinstance(thing, type):
        return f"{thing.__name__} is a class; contribute a provider made of it: {thing.__name__}()"
    names = [n for n in vars(Provider) if not n.startswith("_") and not hasattr(thing, n)]
    return f"{type(thing).__name__} is no provider: it lacks {', '.join(names)}"


def provider_problem(provider: Provider) -> str | None:
    """What is wrong with a provider's members or its catalogue, or ``None``."""
    return next(member_problems(provider), None) or next(_catalogue_problems(provider), None)


def member_problems(provider: Provider) -> Iterator[str]:
    """What is wrong with a provider's members; its catalogue is not looked into."""
    name: object = provider.name
    if not isinstance(name, str) or not name or ":" in name:
        yield f"the name {name!r} of a provider is empty, or no text, or has a colon"
    for member in ("catalogue", "generate", "classify"):
        if not callable(getattr(provider, member)):
            yield f"{member} of provider {name!r} is no method"
    if problem := _auth_problem(provider.auth):
        yield f"the auth of provider {name!r} {problem}"
    yield from _origin_problems(f"provider {name!r}", provider.origins)


def _auth_problem(auth: object) -> str | None:
    if isinstance(auth, type):
        return f"is the class {auth.__name__}; write {auth.__name__}(), with what it needs"
    if not hasattr(auth, "env") or not callable(getattr(auth, "sign", None)):
        # Only what is surely a variable's name is repeated: it might be the key itself.
        is_variable = isinstance(auth, str) and auth.isidentifier() and auth.isupper()
        variable = auth if is_variable else "YOUR_API_KEY"
        return (
            f'is a {type(auth).__name__}, which cannot sign; write bearer("{variable}"), '
            f'Header("{variable}", "x-key") or NoAuth()'
        )
    env = getattr(auth, "env", None)
    if not isinstance(env, str | None):
        return f"names a {type(env).__name__} where the name of one variable belongs"
    return None


def _origin_problems(who: str, origins: object) -> Iterator[str]:
    if isinstance(origins, str) or not isinstance(origins, Sequence):
        example = origins if isinstance(origins, str) else "https://api.example.com/v1"
        kind = type(origins).__name__
        yield f'origins of {who} is a {kind}, not a tuple of URLs; write ("{example}",)'
        return
    if not origins:
        yield f"{who} names no origin"
    for origin in origins:
        if not _is_url(origin):
            yield f"{who} has the origin {origin!r}, which is no URL with http:// or https://"


def _is_url(origin: object) -> bool:
    try:
        parts = urlsplit(origin) if isinstance(origin, str) else None
        return bool(
            parts and parts.hostname and parts.scheme in ("http", "https") and parts.port != 0
        )
    except ValueError:
        return False


def _catalogue_problems(provider: Provider) -> Iterator[str]:
    whose = f"the catalogue of provider {provider.name!r}"
    try:
        given: object = provider.catalogue()
        cards = list(given) if isinstance(given, Iterable) else None
    except Exception as error:  # noqa: BLE001 - the plugin boundary
        yield f"{whose} cannot be had: {type(error).__name__}: {error}"
        return
    if cards is None:
        yield f"{whose} is a {type(given).__name__}, not a list of cards"
        return
    for card in cards:
        yield from _card_problems(whose, card)


def _card_problems(whose: str, card: object) -> Iterator[str]:
    if not isinstance(card, ModelCard):
        yield f"{whose} has a {type(card).__name__} where a ModelCard belongs"
    elif not card.id:
        yield f"{whose} has a card whose id is {card.id!r}"
    else:
        sizes = (card.sizes, *card.operation_sizes.values())
        yield from (f"card {card.id!r} in {whose}: {why}" for why in map(unreadable, sizes) if why)
