"""nucleizoo models, from a checkout; see --help."""

import sys

from nucleizoo.cli.models import main

if __name__ == "__main__":
    sys.exit(main())
