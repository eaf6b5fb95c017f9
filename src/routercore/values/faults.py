"""The classes of failure, as policy understands them, and one failure in particular."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Why something failed; policy is decided by this class and never by an HTTP status.

    Grouped by what they mean for money: nothing left the machine, the upstream refused before it
    worked, the upstream may have worked, or the upstream worked and the work is unusable.
    """

    # The caller's request, or our own limits: no exchange took place.
    INVALID_REQUEST = "invalid_request"
    """The upstream calls the request wrong (400, 422)."""
    UNSUPPORTED = "unsupported"
    """The upstream cannot do this at all (405, 413, 415, 501); another may."""
    OVER_BUDGET = "over_budget"
    """A budget of ours does not allow the attempt."""
    LIMITED = "limited"
    """A limit of ours does not allow the attempt before the deadline."""

    # Nothing was processed.
    NOT_SENT = "not_sent"
    """The request provably never left: refused connection, failed name look-up, incomplete body."""
    RATE_LIMITED = "rate_limited"
    """The upstream asks to slow down (429)."""
    OVERLOADED = "overloaded"
    """The upstream sheds load (503, 529)."""
    QUOTA = "quota"
    """The account behind the key has no credit left."""
    UNAUTHENTICATED = "unauthenticated"
    """The key is wrong, revoked or missing (401)."""
    FORBIDDEN = "forbidden"
    """The key may not use this model, for a reason other than content (403)."""
    MODEL_NOT_FOUND = "model_not_found"
    """The upstream does not, or no longer, serve the model."""
    REFUSED = "refused"
    """Content policy refused the request before any work was done."""

    # Work may have been done and may be billed.
    REPLY_LOST = "reply_lost"
    """The request left and no answer came back."""
    REPLY_CUT = "reply_cut"
    """An answer began and did not arrive whole, or cannot be understood."""
    SERVER_ERROR = "server_error"
    """The upstream failed (500)."""
    GATEWAY = "gateway"
    """Something before the upstream failed; the work may go on (502, 504, 520, 524)."""
    REQUEST_TIMEOUT = "request_timeout"
    """The upstream says that the request took too long to arrive (408)."""
    CONFLICT = "conflict"
    """The upstream is already working on this request (409)."""
    REDIRECTED = "redirected"
    """A paid request was answered with a redirect, which is never followed."""
    JOB_FAILED = "job_failed"
    """An accepted job ended without a result."""
    JOB_LOST = "job_lost"
    """An accepted job is unknown to the upstream."""
    DEADLINE = "deadline"
    """Time ran out while the upstream was, or may have been, working."""
    CANCELLED = "cancelled"
    """The caller went away."""

    # Work was done, and there is nothing to show for it.
    REFUSED_RESULT = "refused_result"
    """Content policy withheld the finished result."""
    NO_IMAGE = "no_image"
    """A success without an image in it."""
    BAD_IMAGE = "bad_image"
    """A success whose bytes are not an image."""
    RESULT_UNAVAILABLE = "result_unavailable"
    """The image was made and its URL cannot be read."""

    # Our side.
    PLUGIN = "plugin"
    """The provider's code is at fault."""


class Charge(StrEnum):
    """What a failed attempt costs."""

    NONE = "none"
    CERTAIN = "certain"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure, as a provider's ``classify`` or the engine reports it."""

    fault: Fault
    message: str
    status: int | None = None
    """The HTTP status, where there was one; for people, never for policy."""
    code: str | None = None
    """The vendor's own machine-readable word."""
    param: str | None = None
    """The field of the request that was wrong, in the caller's words where known."""
    retry_after: float | None = None
    """Seconds to wait before this key is used again."""
    categories: tuple[str, ...] = ()
    """For refusals: the vendor's categories, such as ``violence``."""
    stage: str | None = None
    """For refusals: what policy looked at, ``input``, ``output`` or ``unknown``; what the class
    says unless given."""
    charge: Charge | None = None
    """What the vendor bills for this failure; ``None`` leaves it to the fault's default."""
    only_here: bool = False
    """True for a request that is wrong for this provider and may be right for another."""
    is_ours: bool = False
    """True where it was this machine, which says nothing of the target: it has no descriptors
    left, its proxy makes no way, it stood still until it missed the answer, or did not ask."""


class ProviderFailed(Exception):
    """Ends a flow with a :class:`Failure`; also thrown into a flow when one of its calls failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.fault}: {failure.message}")
        self.failure = failure
