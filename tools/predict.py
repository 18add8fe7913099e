"""nucleizoo predict, from a checkout; see --help."""

import sys

from nucleizoo.cli import predict

if __name__ == "__main__":
    sys.exit(predict())
