"""nucleizoo compare, from a checkout; see --help."""

import sys

from nucleizoo.cli.compare import main

if __name__ == "__main__":
    sys.exit(main())
