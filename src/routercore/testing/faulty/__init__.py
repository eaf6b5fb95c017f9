"""An upstream that injects faults over real sockets and keeps its own invoice, for any test suite.

::

    from routercore.testing.faulty import FaultyUpstream, nonce_of, steps
"""

from routercore.testing.faulty import steps
from routercore.testing.faulty.upstream import FaultyUpstream, Invoiced, Seen, nonce_of

__all__ = ["FaultyUpstream", "Invoiced", "Seen", "nonce_of", "steps"]
