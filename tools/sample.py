"""nucleizoo sample, from a checkout; see --help."""

import sys

from nucleizoo.cli.sample import main

if __name__ == "__main__":
    sys.exit(main())
