"""A payment that its payer contests: where that stands."""

from enum import StrEnum


class Status(StrEnum):
    """What has become of a dispute. It is always read back, so that the gateway's newest answer counts."""

    TO_ANSWER = "to_answer"
    """The gateway waits for our evidence."""
    IN_REVIEW = "in_review"
    """Nothing for us to do: somebody else decides."""
    WON = "won"
    """The money is ours, or never left."""
    LOST = "lost"
    """The money has gone back to the payer."""


OPEN = frozenset({Status.TO_ANSWER, Status.IN_REVIEW})
"""While one of these, a refund could pay the customer twice."""
