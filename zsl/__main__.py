"""Entry point of ``python -m zsl``."""

import sys

from zsl.cli import main

sys.exit(main())
