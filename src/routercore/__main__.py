"""``python -m routercore``."""

from routercore.cli import main

if __name__ == "__main__":
    main()
