"""PayPal's error answers."""

from typing import Any

DOCS = "https://developer.paypal.com/api/rest/responses/#"
NAMES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    401: (
        "AUTHENTICATION_FAILURE",
        "Authentication failed due to missing authorization header, or invalid authentication credentials.",
    ),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."),
    422: (
        "UNPROCESSABLE_ENTITY",
        "The requested action could not be performed, semantically incorrect, or failed business validation.",
    ),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
}
IN_USE = "PREVIOUS_REQUEST_IN_PROGRESS"
DESCRIPTIONS = {
    "AGREEMENT_ALREADY_CANCELLED": "The requested agreement is already canceled.",
    "CANCEL_URL_REQUIRED": "The cancel url is required when attempting to vault this source.",
    "CANNOT_BE_ZERO_OR_NEGATIVE": "Must be greater than zero.",
    "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded",
    "DECIMAL_PRECISION": "If the currency supports decimals, only two decimal place precision is supported.",
    "DUPLICATE_INVOICE_ID": (
        "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account setting requires that"
        " Invoice Id be unique for each transaction."
    ),
    "INSTRUMENT_DECLINED": (
        "The instrument presented  was either declined by the processor or bank, or it can't be used for this payment."
    ),
    "INVALID_ARRAY_MAX_ITEMS": "The number of items in an array parameter is too large.",
    "INVALID_ARRAY_MIN_ITEMS": "The number of items in an array parameter is too small.",
    "INVALID_CURRENCY_CODE": "Currency code is invalid or is not currently supported.",
    "INVALID_PARAMETER_SYNTAX": "The value of a field does not conform to the expected format.",
    "INVALID_PARAMETER_VALUE": "A parameter value is not valid.",
    "INVALID_RESOURCE_ID": "Specified resource ID does not exist. Please check the resource ID and try again.",
    "INVALID_STRING_LENGTH": "The value of a field is either too short or too long",
    "MALFORMED_REQUEST_JSON": "The request JSON is not well formed.",
    "MISSING_REQUIRED_PARAMETER": "A required parameter is missing.",
    "NOT_SUPPORTED": "This field is not currently supported.",
    "ORDER_ALREADY_CAPTURED": "Order already captured.If 'intent=CAPTURE' only one capture per order is allowed.",
    "ORDER_NOT_APPROVED": (
        "Payer has not yet approved the Order for payment. Please redirect the payer to the 'rel':'approve' url"
        " returned as part of the HATEOAS links within the Create Order call."
    ),
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "The payer account cannot be used for this transaction.",
    "PAYER_ACTION_REQUIRED": "Payer needs to perform the following action before proceeding with payment.",
    "PAYER_CANNOT_PAY": "Combination of payer and payee settings mean that this buyer cannot pay this seller.",
    "PAYPAL_REQUEST_ID_REQUIRED": (
        "A PayPal-Request-Id is required if you are trying to process payment for an Order. Please specify a"
        " PayPal-Request-Id or Create the Order without a 'payment_source' specified."
    ),
    "PENDING_CAPTURE": "Cannot initiate a refund as the capture is pending.",
    "PERMISSION_DENIED": "You do not have permission to access or perform operations on this resource.",
    IN_USE: (
        "A previous request on this resource is currently in progress. Please wait for sometime and try again. It is"
        " best to space out the initial and the subsequent request(s) to avoid receiving this error."
    ),
    "REFUND_AMOUNT_EXCEEDED": (
        "The refund amount must be less than or equal to the capture amount that has not yet been refunded."
    ),
    "REFUND_CAPTURE_CURRENCY_MISMATCH": "Refund must be in the same currency as the capture",
    "REFUND_NOT_ALLOWED": "Capture cannot be refunded.",
    "RETURN_URL_REQUIRED": "The return url is required when attempting to vault this source.",
    "TOKEN_ID_NOT_FOUND": "Specified token was not found. Verify the token and try the request again.",
    "TRANSACTION_REFUSED": "The request was refused.",
}
STATUSES = {
    "CONSENT_NEEDED": 403,
    "INTERNAL_SERVER_ERROR": 500,
    "INVALID_PARAMETER_SYNTAX": 400,
    "INVALID_PARAMETER_VALUE": 400,
    "INVALID_RESOURCE_ID": 404,
    "INVALID_STRING_LENGTH": 400,
    "MISSING_REQUIRED_PARAMETER": 400,
    "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING": 403,
    "PERMISSION_DENIED": 403,
    IN_USE: 409,
}
"""The status that goes with an issue of its own accord; any other issue comes with 422."""

Link = dict[str, str]


class PayPalError(Exception):
    """Ends a call with `status` and PayPal's error body. `field` is a JSON pointer into the request."""

    def __init__(
        self,
        status: int,
        issue: str = "",
        *,
        field: str = "",
        location: str = "body",
        links: tuple[Link, ...] = (),
    ) -> None:
        super().__init__(issue or NAMES[status][0])
        self.status = status
        self._issue, self._field, self._location, self._links = issue, field, location, links

    def body(self, debug_id: str) -> dict[str, Any]:
        """The JSON body."""
        name, message = NAMES[self.status]
        about: Link = {"href": f"{DOCS}error-{self._issue or name}", "rel": "information_link", "method": "GET"}
        shown: dict[str, Any] = {"name": name, "message": message, "debug_id": debug_id}
        if self._issue:
            detail = {"issue": self._issue, "description": DESCRIPTIONS.get(self._issue, self._issue)}
            if self._field:
                detail |= {"field": self._field, "location": self._location}
            shown["details"] = [detail]
        return shown | {"links": [*self._links, about]}


class AccessError(PayPalError):
    """A refusal in the words of OAuth."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status)
        self._shown = {"error": error, "error_description": description}

    def body(self, debug_id: str) -> dict[str, Any]:
        """The JSON body."""
        return self._shown


def missing() -> PayPalError:
    """The object in the address does not exist."""
    return PayPalError(404, "INVALID_RESOURCE_ID")


def refused(issue: str, *links: Link, field: str = "") -> PayPalError:
    """The request is well-formed and cannot be done."""
    return PayPalError(422, issue, field=field, links=links)


def forbidden() -> PayPalError:
    """The merchant's account may not do that."""
    return PayPalError(403, "PERMISSION_DENIED")


def mocked(code: str, *links: Link) -> PayPalError:
    """What PayPal-Mock-Response asks for."""
    status = STATUSES.get(code, 422)
    return PayPalError(status, "" if status == 500 else code, links=links)
