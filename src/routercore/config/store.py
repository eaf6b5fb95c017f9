"""The table ``[store]`` as the setup of a store."""

from __future__ import annotations

from pydantic import SecretStr

from routercore.config.document import StoreSection
from routercore.engine.setup import BucketSetup, StoreSetup


def store_setup(section: StoreSection) -> StoreSetup:
    """Where images are kept, in plain values."""
    return StoreSetup(
        directory=section.directory,
        bucket=_bucket(section),
        retention=section.retention,
        url_lifetime=section.url_lifetime,
        open=section.open,
        secret=_plain(section.secret),
        timeout=section.timeout,
    )


def _bucket(section: StoreSection) -> BucketSetup | None:
    if section.bucket is None:
        return None
    name, prefix = section.bucket
    return BucketSetup(
        name=name,
        prefix=prefix,
        endpoint=section.endpoint,
        region=section.region,
        access_key_id=section.access_key_id,
        secret_access_key=_plain(section.secret_access_key),
        session_token=_plain(section.session_token),
        presigned=section.presigned,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
