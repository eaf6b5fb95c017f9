"""What a router is made of: plain values, however the configuration was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path

from routercore.provider.http import origin_of
from routercore.provider.spec import HasCompanions, Provider, Rehearses
from routercore.routing.plan import UnknownPrice
from routercore.routing.policy import Hedge, OnLostResult, OnRefusal, OnUnknown
from routercore.values.accounts import Prompts
from routercore.values.catalogue import WILDCARD, ModelCard
from routercore.values.hours import Hours
from routercore.values.ledger import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Rates and concurrency; ``None`` is unlimited."""

    requests: float | None = None
    requests_per: float = 60.0
    """Seconds of the window of ``requests``."""
    images: float | None = None
    images_per: float = 60.0
    concurrency: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSetup:
    """Where money is written down, and how much of what was asked: ``[ledger]``."""

    url: str | None = None
    """``sqlite:///FILE``, ``postgresql://…`` or ``memory:``. Unless given, a library keeps its
    ledger in memory, and a server in a file."""
    prompts: Prompts = Prompts.HASH
    retention: float | None = None
    """Seconds after which prompts and users are erased; kept unless given. Amounts always stay."""
    unknown_price: Decimal | None = None
    """Dollars that an image of unknown price counts for. Without, it is refused under a budget."""

    @property
    def where(self) -> str:
        """The place, for messages: never with a password, which may also be a parameter."""
        if self.url in {None, "memory:"}:
            return "the memory of one process"
        return re.sub(r"^([^:]+://[^:/]*):.*@", r"\1@", self.url or "").partition("?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSetup:
    """One configured provider."""

    name: str
    provider: Provider
    keys: tuple[str, ...] = field(default=(), repr=False)
    base_url: str | None = None
    result_origins: frozenset[str] = frozenset()
    limits: Limits = NO_LIMITS
    """For each key by itself."""
    budget: Budget | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    cards: tuple[ModelCard, ...] = ()
    """Cards declared in the configuration; they take the place of the provider's of that id."""

    def options_for(
        self, target: Mapping[str, object], asked: Mapping[str, Mapping[str, object]]
    ) -> dict[str, object]:
        """What is sent along: the provider's, a target's and a request's options, in that order,
        the request's under the names of the provider and of its table."""
        own, named = asked.get(self.provider.name, {}), asked.get(self.name, {})
        return {**self.options, **target, **own, **named}

    @property
    def is_rehearsal(self) -> bool:
        """Whether failures are made up: they say nothing of a vendor."""
        return isinstance(self.provider, Rehearses) and self.provider.is_rehearsal

    def is_staged_by(self, asked: Mapping[str, Mapping[str, object]]) -> bool:
        """Whether a request's own options say how its calls go: others learn nothing from them."""
        own = asked.get(self.provider.name) or asked.get(self.name)
        return bool(own) and self.is_rehearsal

    @property
    def effective_base_url(self) -> str:
        return (self.base_url or self.provider.origins[0]).rstrip("/")

    @property
    def signed_origins(self) -> tuple[str, ...]:
        """Where the credential may go: a configured base URL takes the place of the provider's."""
        provider = self.provider
        if self.base_url is None:
            return tuple(provider.origins)
        further = provider.companions(self.base_url) if isinstance(provider, HasCompanions) else ()
        return (origin_of(self.base_url), *further)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleProvider:
    """One that is installed and not enabled."""

    name: str
    provider: Provider
    is_off: bool = False
    """Whether the configuration says so."""
    variable: str | None = None
    """The environment variable that would enable it."""

    @property
    def why(self) -> str:
        """What it lacks, such as ``OPENAI_API_KEY is not set``."""
        if self.is_off:
            return "enabled = false in the configuration"
        if self.variable:
            return f"{self.variable} is not set"
        return f"needs a table [providers.{self.name}]"

    @property
    def target_names(self) -> list[str]:
        """Every ``provider:model`` that it declares by name."""
        cards = self.provider.catalogue()
        return [f"{self.name}:{card.id}" for card in cards if card.id != WILDCARD]

    def serves(self, model: str) -> bool:
        """Whether it declares the model, or is the one that is asked for it."""
        asked, colon, _ = model.partition(":")
        if colon and asked == self.name:
            return True
        cards = self.provider.catalogue()
        return any(model in card.names for card in cards if card.id != WILDCARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSetup:
    """One entry of a route: ``provider:model``."""

    name: str
    weight: float = 1.0
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How requests for one model are served; the defaults hold for models without a route."""

    name: str = ""
    strategy: str = "fallback"
    targets: tuple[TargetSetup, ...] = ()
    aliases: tuple[str, ...] = ()
    fallback_models: tuple[str, ...] = ()
    on_refusal: OnRefusal = OnRefusal.STOP
    on_unknown: OnUnknown = OnUnknown.FAILOVER
    on_lost_result: OnLostResult = OnLostResult.STOP
    max_exposure: Decimal | None = None
    hedge: Hedge | None = None
    unknown_price: UnknownPrice = UnknownPrice.ALLOW
    max_price: Decimal | None = None
    strict: bool = False
    spread: bool = False
    """Divide the images of a request over the targets, which are asked side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls this router: a configured key, or the program that embeds it."""

    name: str
    limits: Limits = NO_LIMITS
    budget: Budget | None = None
    expires: datetime | None = None
    """From when on nobody is let in as this caller."""
    hours: Hours | None = None
    """When on a day the caller is let in; always unless given."""
    models: tuple[str, ...] = ("*",)
    """Patterns of the public model names that may be used."""

    def may_use(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self.models)


LOCAL_CALLER = Caller(name="local")
"""The program that embeds the router; no key, no limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerKey:
    """A secret that stands for a caller: in clear, or as the SHA-256 of it in hexadecimal."""

    caller: Caller
    key: str | None = field(default=None, repr=False)
    hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSetup:
    """The result cache; off unless it has a time to live."""

    ttl: float | None = None
    """Seconds."""
    max_bytes: int = 512 * 1024 * 1024
    only_seeded: bool = False
    """Leave out requests without a seed, whose pictures are meant to differ each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSetup:
    """A bucket that speaks S3. What is not given comes from AWS's usual variables."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    """Of a service other than AWS, such as ``https://minio.example:9000``."""
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    presigned: bool = False
    """True for URLs at the bucket itself, signed by S3's rules; clients must reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSetup:
    """What several processes share: ``[state]``."""

    url: str | None = field(default=None, repr=False)
    """``redis://…``, ``rediss://…`` or ``unix://…``: callers' limits hold over all processes.
    Unless given, each process keeps them by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSetup:
    """Where the server keeps images that it answers with as URLs: ``[store]``."""

    directory: Path | None = None
    """A folder of its own; one in the user's home unless given. Workers must share it."""
    bucket: BucketSetup | None = None
    """A bucket in place of a folder."""
    timeout: float = 20.0
    """Seconds that an answer waits for its images to be kept."""
    retention: float = 86_400.0
    """Seconds after which an image is deleted."""
    url_lifetime: float | None = None
    """Seconds that a signed URL can be read; as long as the image is kept unless given."""
    open: bool = False
    """True for URLs without a signature: who knows the address may read the image."""
    secret: str | None = field(default=None, repr=False)
    """What URLs are signed with; made once and kept in the folder unless given."""

    def __post_init__(self) -> None:
        if self.secret is not None and len(self.secret) < MIN_SECRET:
            raise ValueError(f"the secret of the store is shorter than {MIN_SECRET} characters")

    @property
    def link_seconds(self) -> float:
        """How long a signed URL can be read: no longer than the image is kept."""
        return min(self.url_lifetime or self.retention, self.retention)

    @property
    def where(self) -> str:
        """The place, for messages."""
        if self.bucket is None:
            return f"the folder {str(self.directory or 'of this user')!r}"
        return f"'s3://{self.bucket.name}/{self.bucket.prefix}'"


MIN_SECRET = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSetup:
    """How the server behaves: ``[server]``."""

    host: str = "127.0.0.1"
    port: int = 8000
    allow_anonymous: bool = False
    """Listen beyond this machine although no caller key is configured."""
    default_model: str | None = None
    """The model of requests that name none; such requests are refused unless given."""
    default_response: tuple[str, ...] = ("url", "b64_json")
    """What an image is answered as where the request has no ``response_format``."""
    public_url: str | None = None
    """The origin of image URLs, such as ``https://images.example``; that of the request unless
    given."""
    trust_forwarded: bool = False
    """Believe ``X-Forwarded-Proto`` and ``-Host``: only behind a proxy that sets both."""
    max_body_bytes: int = 256 * 1024 * 1024
    """Of one request."""
    max_buffered_bytes: int = 1024 * 1024 * 1024
    """Of all requests that are being read or worked on together."""
    finish_abandoned: bool = True
    """Go on with calls whose clients hang up once they may be paid for. With an idempotency key
    they go on in any case."""
    max_abandoned: int = 100
    """How many such calls may run at one time; one more is cancelled."""
    shutdown_grace: float = 20.0
    """Seconds that running calls may go on once the server is told to stop; with what follows
    it stays below the 30 that Kubernetes gives."""
    job_lease: float = 30.0
    """Seconds for which a process is taken to live after it was last heard of by the others."""
    job_retention: float = 86_400.0
    """Seconds that jobs and idempotency keys are remembered."""
    max_jobs: int = 10_000
    """Ended jobs that are remembered."""
    max_job_bytes: int = 512 * 1024 * 1024
    """Of the results of ended jobs together; the oldest go first."""


@dataclass(frozen=True, slots=True)
class ProxySetup:
    """The proxy through which the router reaches providers and their pictures."""

    url: str = field(repr=False)
    """``http://HOST:PORT`` or ``https://``, with a user and a password where it wants them."""
    direct: tuple[str, ...] = ()
    """Hosts that are reached without it, as patterns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSetup:
    """Everything a router needs to know."""

    providers: tuple[ProviderSetup, ...] = ()
    idle: tuple[IdleProvider, ...] = ()
    """For messages: who would serve what nobody serves."""
    routes: tuple[Route, ...] = ()
    defaults: Route = Route()
    """Strategy and terms of models that have no route."""
    callers: tuple[CallerKey, ...] = ()
    deadline: float = 180.0
    attempt_timeout: float = 120.0
    late_results: float = 600.0
    """Seconds for which an accepted job is waited for once its request has ended, where somebody
    takes such pictures over."""
    max_attempts: int = 3
    max_image_bytes: int = 36 * 1024 * 1024
    budget: Budget | None = None
    """Of all callers and providers together."""
    proxy: ProxySetup | None = None
    ledger: LedgerSetup = LedgerSetup()
    cache: CacheSetup = CacheSetup()
    state: StateSetup = StateSetup()
    store: StoreSetup = StoreSetup()
    server: ServerSetup = ServerSetup()
