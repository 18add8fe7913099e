"""nucleizoo data, from a checkout; see --help."""

import sys

from nucleizoo.cli import data

if __name__ == "__main__":
    sys.exit(data())
