"""The embedded provider ``test``: real pictures and rehearsed failures, without key or network.

``test/test`` paints a landscape from the prompt, size, quality and seed, and sets the prompt in
it. The same request gives the same bytes; image ``i`` of ``n`` is the picture of seed + ``i``.

What can go wrong with a paid provider is rehearsed with options, which a deployment's
configuration or a caller (``options={"test": {...}}``) gives:

==============  ===================================================================================
``latency``     Seconds that the picture takes, with progress on the way.
``fail``        A fault such as ``"rate_limited"``, or a list of them and ``"ok"``, one for each
                call in order: ``["overloaded", "ok"]``. The last one goes on for ever.
``script``      The name under which calls are counted, for ``fail`` and ``fail_rate``; equal
                lists share one count unless named. A count lives as long as its ``Router``.
``fail_rate``   The share of calls that fail, 0 to 1: which ones follows from the script's name
                and the count alone. They fail with ``fail``, or as ``overloaded``.
``after``       Seconds before the failure.
``retry_after`` Seconds that the failure asks to wait.
``refuse``      ``true``: content policy refuses, before any work.
``images``      Deliver this many images, whatever was asked for.
``bad_image``   ``true``: deliver bytes that are no image.
``job``         ``true``: act as a polled job, which can be resumed and cancelled. The failure
                comes after the job was accepted where ``after`` is given or only a job can fail
                so, else before.
==============  ===================================================================================

Further models have a script already, so that failover can be rehearsed from a configuration
alone: ``test/slow``, ``test/job``, ``test/overloaded``, ``test/rate-limited``, ``test/refusing``,
``test/broken``. ``test/paid`` lists a price, for rehearsing budgets and routing by cost; nothing
is ever billed.
"""

from __future__ import annotations

from routercore.providers.test.provider import TestProvider

__all__ = ["TestProvider"]
