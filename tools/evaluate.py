"""nucleizoo evaluate, from a checkout; see --help."""

import sys

from nucleizoo.cli import evaluate

if __name__ == "__main__":
    sys.exit(evaluate())
