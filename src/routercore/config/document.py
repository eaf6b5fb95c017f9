"""The configuration as a document: its sections, their fields, and what each may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

from routercore.config import text
from routercore.plugins import PluginChoice
from routercore.provider.http import origin_of
from routercore.routing.plan import UnknownPrice
from routercore.routing.policy import OnLostResult, OnRefusal, OnUnknown
from routercore.values.accounts import Prompts
from routercore.values.hours import Hours
from routercore.values.ledger import Period


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"expected a URL, but {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("expected a URL such as 'https://api.example.com/v1'")
    return value.rstrip("/")


def _proxy(value: SecretStr) -> SecretStr:
    if not _is_proxy(value.get_secret_value()):
        raise ValueError("expected 'http://HOST:PORT', or with 'USER:PASSWORD@' before the host")
    return value


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname and parts.port is not None)
    except ValueError:
        return False
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    return parts.scheme in ("http", "https") and is_whole and is_bare


def _ledger(value: str) -> str:
    if value != "memory:" and not value.startswith(("sqlite:///", "postgresql://")):
        raise ValueError("expected 'sqlite:///FILE', 'postgresql://…' or 'memory:'")
    return value


def _store(value: str) -> str:
    if re.fullmatch(r"file:.+|s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/.*)?", value) is None:
        raise ValueError("expected 'file:DIRECTORY' or 's3://BUCKET/PREFIX'")
    return value


def _state(value: str) -> str:
    if not value.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("expected 'redis://HOST:PORT/DB', 'rediss://…' or 'unix://PATH'")
    return value


def _midnight(value: object) -> object:
    """A day alone stands for its beginning, in UTC."""
    if isinstance(value, str) and len(value) == 10:
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, int | float):
        raise ValueError("expected a day such as 2027-01-01")
    return value


_WRITTEN = WithJsonSchema({"type": ["string", "number"]})
Duration = Annotated[float, BeforeValidator(text.duration), _WRITTEN]
ByteCount = Annotated[int, BeforeValidator(text.amount_of_bytes), _WRITTEN]
Rate = Annotated[
    tuple[float, float], BeforeValidator(text.rate), WithJsonSchema({"type": "string"})
]
Moment = Annotated[AwareDatetime, BeforeValidator(_midnight)]
OfDay = Annotated[Hours, BeforeValidator(Hours.parse), WithJsonSchema({"type": "string"})]
Url = Annotated[str, AfterValidator(_url)]
Origin = Annotated[str, AfterValidator(_url), AfterValidator(origin_of)]
Count = Annotated[int, Field(ge=1)]
Usd = Annotated[Decimal, Field(gt=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Section(BaseModel):
    """A table of the file; refuses what it does not know."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class LimitsSection(Section):
    """``limits = { requests = "50/min", images = "20/min", concurrency = 8 }``."""

    requests: Rate | None = None
    images: Rate | None = None
    concurrency: Count | None = None


class BudgetSection(Section):
    """``budget = { usd = 25, per = "day" }``."""

    usd: Usd
    per: Period


class LedgerSection(Section):
    """``[ledger]``: where money is written down, and how much of what was asked."""

    url: Annotated[str, AfterValidator(_ledger)] | None = None
    prompts: Prompts = Prompts.HASH
    retention: Duration | None = None
    unknown_price: Usd | None = None


class RouterSection(Section):
    """``[router]``: bounds of every request, and the terms of models without a table."""

    deadline: Duration = 180.0
    attempt_timeout: Duration = 120.0
    late_results: Duration = 600.0
    max_attempts: Count = 3
    max_image_bytes: ByteCount = 36 * 1024 * 1024
    strategy: str = "fallback"
    on_refusal: OnRefusal = OnRefusal.STOP
    on_unknown: OnUnknown = OnUnknown.FAILOVER
    on_lost_result: OnLostResult = OnLostResult.STOP
    max_exposure: Usd | None = None
    unknown_price: UnknownPrice = UnknownPrice.ALLOW
    max_price: Usd | None = None
    strict: bool = False
    spread: bool = False
    budget: BudgetSection | None = None


class ProxySection(Section):
    """``[proxy]``: through which providers and their pictures are reached."""

    url: Annotated[SecretStr, AfterValidator(_proxy)]
    direct: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")


class ServerSection(Section):
    """``[server]``: where it listens and how it answers."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    allow_anonymous: bool = False
    default_model: str | None = None
    default_response: tuple[Literal["url", "b64_json"], ...] = ("url", "b64_json")
    public_url: Url | None = None
    trust_forwarded: bool = False
    max_body_bytes: ByteCount = 256 * 1024 * 1024
    max_buffered_bytes: ByteCount = 1024 * 1024 * 1024
    finish_abandoned: bool = True
    max_abandoned: Count = 100
    shutdown_grace: Duration = 20.0
    job_lease: Duration = 30.0
    job_retention: Duration = 86_400.0
    max_jobs: Count = 10_000
    max_job_bytes: ByteCount = 512 * 1024 * 1024


class StoreSection(Section):
    """``[store]``: where the server keeps images for their URLs."""

    url: Annotated[str, AfterValidator(_store)] | None = None
    """``file:./images`` or ``s3://bucket/prefix``."""
    endpoint: Url | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    presigned: bool = False
    retention: Duration = 86_400.0
    url_lifetime: Duration | None = None
    open: bool = False
    secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    timeout: Duration = 20.0

    @property
    def directory(self) -> Path | None:
        if self.url is None or self.url.startswith("s3:"):
            return None
        return Path(self.url.removeprefix("file:").removeprefix("//"))

    @property
    def bucket(self) -> tuple[str, str] | None:
        """Name and prefix."""
        if self.url is None or self.url.startswith("file:"):
            return None
        name, _, prefix = self.url.removeprefix("s3://").partition("/")
        return name, prefix.strip("/")

    @model_validator(mode="after")
    def _fits_together(self) -> StoreSection:
        of_buckets = ("endpoint", "region", "access_key_id", "secret_access_key",
                      "session_token", "presigned")  # fmt: skip
        strays = [name for name in of_buckets if getattr(self, name)]
        if self.bucket is None and strays:
            raise ValueError(f"{strays[0]} is for url = 's3://BUCKET'")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        if self.presigned and self.open:
            raise ValueError("URLs are either open or presigned")
        return self


class ProviderSection(Section):
    """``[providers.NAME]``."""

    plugin: str | None = None
    """The provider's own name; the table's name unless given."""
    enabled: bool = True
    api_key: SecretStr | None = None
    api_keys: tuple[SecretStr, ...] | None = None
    """Several keys, used in turn; an empty list is for a service that needs none."""
    base_url: Url | None = None
    result_origins: tuple[Origin, ...] = ()
    limits: LimitsSection = LimitsSection()
    budget: BudgetSection | None = None
    options: Mapping[str, Any] = Field(default_factory=dict)
    cards: tuple[Mapping[str, Any], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        given = (*((self.api_key,) if self.api_key else ()), *(self.api_keys or ()))
        return tuple(key.get_secret_value() for key in given)


class TargetSection(Section):
    """``{ target = "openai:gpt-image-2", weight = 2 }``, or the bare text."""

    target: Annotated[str, Field(pattern=".:.")]
    weight: Annotated[float, Field(gt=0)] = 1.0
    options: Mapping[str, Any] = Field(default_factory=dict)


def _target(value: Any) -> Any:
    if isinstance(value, str):
        return {"target": value}
    if not isinstance(value, Mapping):
        raise ValueError("expected provider:model, or a table with a target")
    return value


Target = Annotated[TargetSection, BeforeValidator(_target)]


class HedgeSection(Section):
    """``hedge = { after = "20s", max_extra = 0.05 }``."""

    after: Duration
    max_extra: Usd


class ModelSection(Section):
    """``[models.NAME]``; terms left out are those of ``[router]``."""

    targets: tuple[Target, ...] = ()
    aliases: tuple[str, ...] = ()
    fallback_models: tuple[str, ...] = ()
    strategy: str | None = None
    on_refusal: OnRefusal | None = None
    on_unknown: OnUnknown | None = None
    on_lost_result: OnLostResult | None = None
    max_exposure: Usd | None = None
    hedge: HedgeSection | None = None
    unknown_price: UnknownPrice | None = None
    max_price: Usd | None = None
    strict: bool | None = None
    spread: bool | None = None


MIN_KEY = 8
"""Characters of a caller's key."""


class KeySection(Section):
    """``[keys.NAME]``: a caller of this router."""

    key: Annotated[SecretStr, Field(min_length=MIN_KEY)] | None = None
    hash: Sha256 | None = None
    limits: LimitsSection = LimitsSection()
    budget: BudgetSection | None = None
    expires: Moment | None = None
    hours: OfDay | None = None
    models: tuple[str, ...] = ("*",)

    @model_validator(mode="after")
    def _one_secret(self) -> KeySection:
        if (self.key is None) == (self.hash is None):
            raise ValueError("expected either key or hash")
        return self


class CacheSection(Section):
    """``[cache]``; without the table nothing is cached."""

    ttl: Duration
    max_bytes: ByteCount = 512 * 1024 * 1024
    only_seeded: bool = False


class StateSection(Section):
    """``[state]``; without the table each process is by itself."""

    url: Annotated[str, AfterValidator(_state)] | None = None


class PluginsSection(Section):
    """``[plugins]``: which plugins are loaded."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    prefer: Mapping[str, str] = Field(default_factory=dict)


class Document(Section):
    """The whole file."""

    router: RouterSection = RouterSection()
    proxy: ProxySection | None = None
    server: ServerSection = ServerSection()
    store: StoreSection = StoreSection()
    ledger: LedgerSection = LedgerSection()
    providers: Mapping[str, ProviderSection] = Field(default_factory=dict)
    models: Mapping[str, ModelSection] = Field(default_factory=dict)
    keys: Mapping[str, KeySection] = Field(default_factory=dict)
    cache: CacheSection | None = None
    state: StateSection = StateSection()
    plugins: PluginsSection = PluginsSection()

    def plugin_choice(self) -> PluginChoice:
        """Which plugins the operator wants loaded."""
        allow = self.plugins.allow
        return PluginChoice(
            allow=None if allow is None else frozenset(allow),
            deny=frozenset(self.plugins.deny),
            prefer=self.plugins.prefer,
        )
