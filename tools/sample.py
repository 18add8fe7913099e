"""nucleizoo sample, from a checkout; see --help."""

import sys

from nucleizoo.cli import sample

if __name__ == "__main__":
    sys.exit(sample())
