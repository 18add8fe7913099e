"""nucleizoo estimate, from a checkout; see --help."""

import sys

from nucleizoo.cli import estimate

if __name__ == "__main__":
    sys.exit(estimate())
