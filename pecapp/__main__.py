"""`python -m pecapp`."""

import sys

from pecapp import cli

if __name__ == "__main__":
    sys.exit(cli.main())
