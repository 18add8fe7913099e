"""nucleizoo evaluate, from a checkout; see --help."""

import sys

from nucleizoo.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
