"""nucleizoo list, from a checkout; see --help."""

import sys

from nucleizoo.cli.list_entries import main

if __name__ == "__main__":
    sys.exit(main())
