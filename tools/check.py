"""nucleizoo check, from a checkout; see --help."""

import sys

from nucleizoo.cli.check import main

if __name__ == "__main__":
    sys.exit(main())
