"""JSON Schemas (draft 2020-12) read from PayPal's own OpenAPI documents; a field that they do not have is wrong."""

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

Schema = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[3] / "shared/paypal"
ORDERS, PAYMENTS, VAULT = "checkout_orders_v2", "payments_payment_v2", "vault_payment_tokens_v3"
WORDS = ("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems")
# The documents are of February 2024. What PayPal has added since then, its newer SDK (2.4.0) has: the newer one wins.
STORED = {
    "type": "object",
    "properties": {
        "payment_initiator": {"enum": ["CUSTOMER", "MERCHANT"]},
        "usage": {"enum": ["FIRST", "SUBSEQUENT", "DERIVED"]},
        "usage_pattern": {"type": "string"},
    },
    "required": ["payment_initiator"],
    "additionalProperties": False,
}
NEWER: dict[tuple[str, str], Schema] = {
    (ORDERS, "paypal_wallet"): {"stored_credential": STORED},
    (ORDERS, "paypal_wallet_response"): {"stored_credential": STORED},
    (VAULT, "paypal_wallet_request"): {"usage_pattern": {"type": "string"}},
    (VAULT, "paypal_wallet_response"): {"usage_pattern": {"type": "string"}},
    (VAULT, "token_id_request"): {"type": {"enum": ["SETUP_TOKEN"]}},
}
# The simulator's merchant has a name that people can read, which PayPal's alphabet for account ids does not allow.
READABLE = {"type": "string", "minLength": 13, "maxLength": 13}


@functools.cache
def document(name: str) -> Schema:
    """One of PayPal's documents; without it the test is skipped."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        pytest.skip("not run: the comparison with PayPal's documents (../shared/paypal is not there)")
    return json.loads(path.read_text())


class Converter:
    """Turns components into closed definitions: allOf becomes one object with the fields of all its parts."""

    def __init__(self, name: str) -> None:
        self.definitions: dict[str, Schema] = {}
        self._name = name
        self._components: dict[str, Schema] = document(name)["components"]["schemas"]

    def reference(self, component: str) -> Schema:
        """A reference to a component, converted when it is first asked for."""
        if component not in self.definitions:
            self.definitions[component] = {}
            self.definitions[component] = self._closed(self._components[component], component)
        return {"$ref": f"#/$defs/{component}"}

    def _closed(self, schema: Schema, component: str = "") -> Schema:
        if "$ref" in schema:
            return self.reference(schema["$ref"].rpartition("/")[2])
        fields, required = self._fields(schema)
        if fields:
            properties = {name: self._closed(inner) for name, inner in fields.items()}
            properties |= NEWER.get((self._name, component), {})
            if component in ("payee", "payee_base"):
                properties["merchant_id"] = READABLE
            return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        plain = {word: schema[word] for word in WORDS if word in schema}
        return plain | ({"items": self._closed(schema["items"])} if "items" in schema else {})

    def _fields(self, schema: Schema) -> tuple[dict[str, Schema], list[str]]:
        if "$ref" in schema:
            return self._fields(self._components[schema["$ref"].rpartition("/")[2]])
        fields, required = dict(schema.get("properties", {})), list(schema.get("required", []))
        for part in schema.get("allOf", ()):
            more, needed = self._fields(part)
            fields |= more
            required += needed
        return fields, required


@functools.cache
def judge(name: str, component: str) -> jsonschema_rs.Draft202012Validator:
    """Judges an instance of one component."""
    converter = Converter(name)
    root = converter.reference(component)
    return jsonschema_rs.Draft202012Validator({"$defs": converter.definitions, **root})


@functools.cache
def issues() -> frozenset[str]:
    """Every issue that the documents list."""
    return frozenset(word for name in (ORDERS, PAYMENTS, VAULT) for word in _issues(document(name)))


def _issues(place: Any) -> set[str]:
    if isinstance(place, list):
        return {word for inner in place for word in _issues(inner)}
    if not isinstance(place, dict):
        return set()
    own = place.get("issue")
    if isinstance(own, dict) and "enum" in own:
        return set(own["enum"])
    return {word for inner in place.values() for word in _issues(inner)}
