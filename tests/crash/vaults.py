"""What the gateways have kept of customers, asked of the gateways' own interfaces."""

from typing import Any

import httpx

from pecapp import launch
from tests.support import bank as banks

_PAYPAL = httpx.BasicAuth(launch.SIMULATED_PAYPAL, "simulator-secret")
_AGREED = {"APPROVED", "VAULTED"}


class Vaults:
    """The vaults of both gateways, as the shop itself could look into them."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=banks.PATIENCE)
        self._paypal = ""

    def close(self) -> None:
        self._http.close()

    def tokens(self, gateway: str, customer: str) -> set[str]:
        """All that the shop could charge a customer of the gateway on."""
        if gateway == "stripe":
            return {one["id"] for one in self._ask(gateway, f"customers/{customer}/payment_methods")["data"]}
        kept = self._ask(gateway, "vault/payment-tokens", customer_id=customer)["payment_tokens"]
        return {one["id"] for one in kept}

    def agreed(self, gateway: str, page: str) -> bool:
        """Whether the customer has agreed on a page that keeps a method."""
        if gateway == "stripe":
            return self._ask(gateway, f"checkout/sessions/{page}")["status"] == "complete"
        return self._ask(gateway, f"vault/setup-tokens/{page}")["status"] in _AGREED

    def _ask(self, gateway: str, path: str, **query: str) -> dict[str, Any]:
        version, key = ("v1", banks.KEY) if gateway == "stripe" else ("v3", self._paypal_key())
        answer = self._http.get(f"/{version}/{path}", params=query, headers={"Authorization": f"Bearer {key}"})
        return answer.raise_for_status().json()

    def _paypal_key(self) -> str:
        if not self._paypal:
            form = {"grant_type": "client_credentials"}
            answer = self._http.post("/v1/oauth2/token", data=form, auth=_PAYPAL).raise_for_status()
            self._paypal = answer.json()["access_token"]
        return self._paypal
