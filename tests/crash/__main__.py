"""``python -m tests.crash``: kill routers two hundred times, and hold the ledger to the invoice."""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash.killing import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--clients", type=int, default=8, help="side by side, of each router")
    given = parser.parse_args()
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        found = run(Path(folder), kills=given.kills, seed=given.seed, clients=given.clients)
    say = sys.stdout.write
    say(f"seed {given.seed}, {time.monotonic() - began:.0f} s\n")
    for what, number in found.counts.items():
        say(f"{number:>12,}  {what}\n")
    for problem in found.wrong[:50]:
        say(f"WRONG: {problem}\n")
    say(f"{len(found.wrong)} things are wrong\n" if found.wrong else "ledger and invoice agree\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
