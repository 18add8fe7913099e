"""nucleizoo data, from a checkout; see --help."""

import sys

from nucleizoo.cli.data import main

if __name__ == "__main__":
    sys.exit(main())
