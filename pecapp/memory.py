"""Python's garbage collector, kept from walking again and again over what stays for good."""

import gc


def settle() -> None:
    """Exempt everything that was made until now: a full collection stops the whole process, 0.2 s with all modules."""
    gc.collect()
    gc.freeze()
