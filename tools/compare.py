"""nucleizoo compare, from a checkout; see --help."""

import sys

from nucleizoo.cli import compare

if __name__ == "__main__":
    sys.exit(compare())
