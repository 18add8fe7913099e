"""nucleizoo figure, from a checkout; see --help."""

import sys

from nucleizoo.cli.figure import main

if __name__ == "__main__":
    sys.exit(main())
