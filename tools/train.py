"""nucleizoo train, from a checkout; see --help."""

import sys

from nucleizoo.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
