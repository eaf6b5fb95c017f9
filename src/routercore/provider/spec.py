"""The provider interface, version 1: seven members, and seven optional protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from routercore.provider.auth import Auth
from routercore.provider.flow import Flow
from routercore.provider.http import HttpResponse
from routercore.values.catalogue import ModelCard
from routercore.values.faults import Failure
from routercore.values.images import Generated, Task

API_VERSION = 1


@runtime_checkable
class Provider(Protocol):
    """A vendor's API as code: stateless, holds no credential, performs no effect itself."""

    @property
    def name(self) -> str:
        """Lower case, digits and dashes: ``black-forest-labs``."""
        ...

    @property
    def api_version(self) -> int:
        """The version of this interface that the provider was written for."""
        ...

    @property
    def auth(self) -> Auth:
        """How the engine signs."""
        ...

    @property
    def origins(self) -> Sequence[str]:
        """URLs whose hosts may receive the credential, such as ``https://*.bfl.ai``.

        The first is the base URL of the API, path included. Where a configuration gives another
        ``base_url``, its origin takes the place of all of them. Where every customer has an
        address of their own, the first has a host under ``.invalid``, and a ``base_url`` is
        required.
        """
        ...

    def catalogue(self) -> Sequence[ModelCard]:
        """The models, as declared."""
        ...

    def generate(self, task: Task) -> Flow[Generated]:
        """Do the task: generate, edit or inpaint, as ``task.operation`` says."""
        ...

    def classify(self, response: HttpResponse) -> Failure:
        """Say what an error response means. Only called for a status outside 200 to 299."""
        ...


@runtime_checkable
class Discovers(Protocol):
    """A provider that can ask its vendor which models there are."""

    def discover(self, base_url: str) -> Flow[Sequence[ModelCard]]: ...


@runtime_checkable
class ChecksOptions(Protocol):
    """A provider that knows which of its own options cannot be right, before any request."""

    def wrong_options(self, options: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """The name of each wrong option, and why, of those that a configuration gives.

        What is missing is not wrong: a target or a request may bring it along.
        """
        ...


@runtime_checkable
class HasCompanions(Protocol):
    """A provider whose vendor has a further host beside each base URL, such as for its lists."""

    def companions(self, base_url: str) -> Sequence[str]:
        """Origins that may receive the credential together with a configured ``base_url``.

        Hosts of the same vendor alone, and none for a base URL that is not the vendor's.
        """
        ...


@runtime_checkable
class Resumes(Protocol):
    """A provider whose accepted jobs can be picked up again, also by another process."""

    def resume(self, task: Task, handle: Mapping[str, Any]) -> Flow[Generated]: ...


@runtime_checkable
class Finds(Protocol):
    """A provider that can ask its vendor which job a submit began whose answer was lost."""

    def find(self, task: Task) -> Flow[Mapping[str, Any] | None]:
        """The handle of the job that ``task.idempotency_key`` names, or ``None``.

        Must begin nothing: it costs nothing, whatever comes of it.
        """
        ...


@runtime_checkable
class Cancels(Protocol):
    """A provider whose accepted jobs can be called off."""

    def cancel(self, handle: Mapping[str, Any]) -> Flow[None]: ...


@runtime_checkable
class Rehearses(Protocol):
    """A provider that may ask nobody, such as ``test``: its calls go as they are told to."""

    @property
    def is_rehearsal(self) -> bool:
        """Whether what comes of a call is made up: from its model, or from its own options.

        Then a failure says something of the model alone, and where a request has options for the
        provider, of that request alone.
        """
        ...
