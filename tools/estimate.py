"""nucleizoo estimate, from a checkout; see --help."""

import sys

from nucleizoo.cli.estimate import main

if __name__ == "__main__":
    sys.exit(main())
