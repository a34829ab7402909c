"""JSON Schemas (draft 2020-12) read from the annotations of the installed stripe SDK.

Answers: from the resource classes; what is not Optional is required, a Literal is closed, nothing else is allowed.
Requests: from the TypedDicts of stripe.params, as forms, in which every value is text.
"""

import ast
import builtins
import functools
import importlib
import inspect
import types
import typing
from decimal import Decimal
from typing import Any

import jsonschema_rs
import typing_extensions
from stripe import ListObject
from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject

Schema = dict[str, Any]
OPTIONS = frozenset(vars(RequestOptions)["__annotations__"])
PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Decimal: {"type": "string"},
    type(None): {"type": "null"},
    Any: {},
}
IN_FORMS: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "string", "pattern": r"^-?\d+$"},
    bool: {"enum": ["true", "false"]},
    Decimal: {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"},
    float: {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"},
    Any: {},
}


@functools.cache
def _names(module: str) -> dict[str, Any]:
    """What a module's annotations may name: its own names, those of typing, those imported for type checkers only."""
    loaded = importlib.import_module(module)
    known: dict[str, Any] = vars(builtins) | vars(typing) | vars(typing_extensions) | vars(loaded)
    for node in ast.walk(ast.parse(inspect.getsource(loaded))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                known.setdefault(name.asname or name.name, _Later(node.module, name.name))
    return known


class _Later:
    """A name that is imported when a schema needs it, since the SDK's modules import each other."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __or__(self, other: object) -> Any:
        return typing.Union[self.resolved(), other]  # noqa: UP007 # evaluates what the SDK writes

    __ror__ = __or__

    def resolved(self) -> Any:
        return getattr(importlib.import_module(self.module), self.name)


class Generator:
    """Collects definitions while it walks annotations."""

    def __init__(self, plain: dict[Any, Schema], *, forms: bool) -> None:
        self.definitions: dict[str, Schema] = {}
        self._plain, self._forms = plain, forms

    def schema(self, wanted: Any) -> Schema:
        """A complete schema for a class or annotation."""
        root = self._of(wanted, wanted.__module__)
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": self.definitions, **root}

    def _of(self, hint: Any, module: str) -> Schema:
        if isinstance(hint, str | typing.ForwardRef):
            text = hint if isinstance(hint, str) else hint.__forward_arg__
            return self._of(eval(text, _names(module)), module)  # noqa: S307 # the SDK's own annotations
        if isinstance(hint, _Later):
            return self._of(hint.resolved(), hint.module)
        return self._plain[hint] if hint in self._plain else self._structured(hint, module)

    def _structured(self, hint: Any, module: str) -> Schema:
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            return self._union(args, module)
        if origin is typing.Literal:
            return {"enum": list(args)}
        if origin in (typing_extensions.NotRequired, typing_extensions.Required):
            return self._of(args[0], module)
        if origin is list:
            return {"type": "array", "items": self._of(args[0], module)}
        if origin in (dict, UntypedStripeObject):
            return {"type": "object", "additionalProperties": self._of(args[-1], module)}
        if origin is ListObject:
            return self._list(self._of(args[0], module))
        return self._class(hint)

    def _union(self, args: tuple[Any, ...], module: str) -> Schema:
        if any(typing.get_origin(arg) is typing.Literal and typing.get_args(arg) != ("",) for arg in args):
            args = tuple(arg for arg in args if arg is not str)
        return {"anyOf": [self._of(arg, module) for arg in args]}

    def _list(self, item: Schema) -> Schema:
        fields = {
            "object": {"const": "list"},
            "data": {"type": "array", "items": item},
            "has_more": {"type": "boolean"},
            "url": {"type": "string"},
        }
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}

    def _class(self, cls: Any) -> Schema:
        key = f"{cls.__module__}.{cls.__qualname__}"
        if key not in self.definitions:
            self.definitions[key] = {}
            self.definitions[key] = self._fields(cls)
        return {"$ref": f"#/$defs/{key}"}

    def _fields(self, cls: Any) -> Schema:
        fields, required = {}, []
        for name, hint in vars(cls).get("__annotations__", {}).items():
            if "ClassVar" in str(hint) or name.startswith("_") or (self._forms and name in OPTIONS):
                continue
            fields[name] = self._of(hint, cls.__module__)
            optional = "NotRequired" in str(hint) if self._forms else type(None) in typing.get_args(hint)
            if not optional:
                required.append(name)
        return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


@functools.cache
def of_answer(cls: Any) -> jsonschema_rs.Draft202012Validator:
    """Judges what a gateway answers as this resource class."""
    return jsonschema_rs.Draft202012Validator(Generator(PLAIN, forms=False).schema(cls))


@functools.cache
def of_answers(*classes: Any) -> jsonschema_rs.Draft202012Validator:
    """Judges objects by the resource class that their `object` names; any other object is wrong."""
    generator = Generator(PLAIN, forms=False)
    shapes = {cls.OBJECT_NAME: generator.schema(cls)["$ref"] for cls in classes}
    branches = [
        {"if": {"properties": {"object": {"const": kind}}}, "then": {"$ref": shape}} for kind, shape in shapes.items()
    ]
    known = {"properties": {"object": {"enum": list(shapes)}}, "required": ["object"]}
    return jsonschema_rs.Draft202012Validator({"$defs": generator.definitions, "allOf": [known, *branches]})


@functools.cache
def of_form(module: str, name: str) -> jsonschema_rs.Draft202012Validator:
    """Judges the decoded form of a call by its TypedDict in stripe.params."""
    cls = getattr(importlib.import_module(f"stripe.params.{module}"), name)
    return jsonschema_rs.Draft202012Validator(Generator(IN_FORMS, forms=True).schema(cls))


def problems(judge: jsonschema_rs.Draft202012Validator, instance: Any) -> list[str]:
    """What is wrong, in a line each; empty when nothing is."""
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in judge.iter_errors(instance)]
