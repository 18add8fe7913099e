"""nucleizoo list, from a checkout; see --help."""

import sys

from nucleizoo.cli import list_entries

if __name__ == "__main__":
    sys.exit(list_entries())
