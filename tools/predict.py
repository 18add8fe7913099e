"""nucleizoo predict, from a checkout; see --help."""

import sys

from nucleizoo.cli.predict import main

if __name__ == "__main__":
    sys.exit(main())
