"""The conformance kit: what every provider must do, as checks that its author can run.

In a plugin's tests::

    from routercore.testing.conformance import ProviderTests
    from routercore_etcher import Etcher

    class TestEtcher(ProviderTests):
        provider = Etcher()

or without pytest, from the plugin's folder::

    routercore plugin check .

The transcripts in ``tests/transcripts`` are what the checks are run on.
"""

from routercore.testing.conformance.grades import CHECKS, Check, Grade, Quality
from routercore.testing.conformance.runs import Outcome, Subject, grade_of, run_checks
from routercore.testing.conformance.suite import ProviderTests

__all__ = [
    "CHECKS",
    "Check",
    "Grade",
    "Outcome",
    "ProviderTests",
    "Quality",
    "Subject",
    "grade_of",
    "run_checks",
]
