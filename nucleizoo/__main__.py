"""python -m nucleizoo."""

import sys

from nucleizoo.cli import main

if __name__ == "__main__":
    sys.exit(main())
