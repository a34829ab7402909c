"""The errors that people may see: a code (a key of the locales) and its parameters, never free text."""


class PecError(Exception):
    """Something that cannot be done, with the reason as an i18n key.

    `code` is translated by `i18n.error_text`; `params` fill the placeholders of the text.
    """

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class Invalid(PecError):
    """Input that breaks a rule. `fields` maps a form field to the code of what is wrong with it."""

    def __init__(self, fields: dict[str, str], code: str = "DATI_NON_VALIDI", **params: object) -> None:
        super().__init__(code, **params)
        self.fields = fields


class NotFound(PecError):
    """There is nothing there, or nothing that this actor may know of: the two are never told apart."""

    def __init__(self, code: str = "NON_TROVATO", **params: object) -> None:
        super().__init__(code, **params)


class Forbidden(PecError):
    """The actor is known and may not do this."""

    def __init__(self, code: str = "NON_CONSENTITO", **params: object) -> None:
        super().__init__(code, **params)


class Conflict(PecError):
    """The thing has moved on: already paid, already being paid, cancelled meanwhile."""


class TooMany(PecError):
    """A limit on attempts was reached. `retry_after` is in seconds."""

    def __init__(self, code: str = "TROPPI_TENTATIVI", *, retry_after: int, **params: object) -> None:
        super().__init__(code, retry_after=retry_after, **params)
        self.retry_after = retry_after


class Unavailable(PecError):
    """A part we need (database, gateway) does not answer now; trying again later is right."""

    def __init__(self, code: str = "SERVIZIO_NON_DISPONIBILE", **params: object) -> None:
        super().__init__(code, **params)
