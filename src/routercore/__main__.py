"""``python -m routercore`` is the command line."""

import sys

from routercore.cli import main

sys.exit(main())
