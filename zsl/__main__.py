"""Entry point of ``python -m zsl``."""

import sys

from zsl.cli import main

if __name__ == "__main__":
    sys.exit(main())
