"""nucleizoo figure, from a checkout; see --help."""

import sys

from nucleizoo.cli import figure

if __name__ == "__main__":
    sys.exit(figure())
