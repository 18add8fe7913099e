"""nucleizoo import, from a checkout; see --help."""

import sys

from nucleizoo.cli.import_checkpoint import main

if __name__ == "__main__":
    sys.exit(main())
