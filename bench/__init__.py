"""Speed of the product beside the bare limit on the same machine, in one run: `make bench`."""
