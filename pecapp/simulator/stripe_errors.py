"""Stripe's error answers."""

from typing import Any

DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """Ends a call with `status` and Stripe's error body. `stored`: whether an idempotency key keeps this answer."""

    def __init__(self, status: int, message: str, *, stored: bool = True, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.stored = stored
        self.fields = {"type": "invalid_request_error", "message": message} | fields

    def about(self, shown: dict[str, Any]) -> "StripeError":
        """The same error with a whole object in it, under the object's kind."""
        self.fields[shown["object"]] = shown
        return self

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON body; fields that are None are left out, as Stripe does."""
        error = {name: value for name, value in self.fields.items() if value is not None}
        if code := error.get("code"):
            error["doc_url"] = DOCS + str(code).replace("_", "-")
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error}


def invalid(message: str, param: str | None = None, code: str | None = None, *, stored: bool = True) -> StripeError:
    """400 with Stripe's invalid_request_error."""
    return StripeError(400, message, param=param, code=code, stored=stored)


def missing(what: str, key: str, param: str = "id", *, status: int = 404) -> StripeError:
    """The object does not exist: 404 for the address, 400 for a parameter. Never kept by an idempotency key."""
    return StripeError(status, f"No such {what}: '{key}'", param=param, code="resource_missing", stored=False)


def required(param: str) -> StripeError:
    """A parameter is missing."""
    return invalid(f"Missing required param: {param}.", param, "parameter_missing", stored=False)


def unexpected(what: str, status: str, action: str, intent: dict[str, Any]) -> StripeError:
    """The intent's state forbids the action."""
    message = f"You cannot {action} this {what} because it has a status of {status}."
    code = f"{intent['object']}_unexpected_state"
    return StripeError(400, message, code=code).about(intent)
