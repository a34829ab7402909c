"""`make bench`: every table, or those that are named: `python -m bench webhooks push`."""

import sys

from bench import admin, kills, push, renewals, webhooks

TABLES = {"webhooks": webhooks.run, "push": push.run, "renewals": renewals.run, "kills": kills.run, "admin": admin.run}


def main() -> None:
    """Print the tables that the command line names, all of them when it names none."""
    for name in sys.argv[1:] or TABLES:
        TABLES[name]()


if __name__ == "__main__":
    main()
