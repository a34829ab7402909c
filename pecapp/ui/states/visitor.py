"""What every page knows of its visitor, and the message that the last act left."""

from typing import ClassVar

import reflex as rx

from pecapp import i18n


class Language(rx.State):
    """The language of this tab; the session sets it."""

    lang: str = i18n.DEFAULT


class Visitor(rx.State):
    """Whom the header greets. Filled on arrival from the session; a picture only, it opens nothing."""

    signed_in: bool = False
    staff_role: str = ""
    """The role of a member of staff, empty for everybody else."""
    name: str = ""


class Flash(rx.State):
    """One message at the top of the page, until it is closed or replaced, or another page is opened."""

    _policy: ClassVar[str] = "public"
    _onward: bool = False
    """Whether it is meant for the next page."""

    tone: str = ""
    message: str = ""
    told: int = 0
    """How many messages there were: each one is drawn anew, so that it has its whole time to be read."""

    @rx.event
    async def dismiss(self) -> None:
        """Take the message away."""
        self.tone, self.message = "", ""
