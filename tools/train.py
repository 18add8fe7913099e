"""nucleizoo train, from a checkout; see --help."""

import sys

from nucleizoo.cli import train

if __name__ == "__main__":
    sys.exit(train())
