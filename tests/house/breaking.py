"""What a newer OpenAPI description takes away from a client that was written against an older.

A client may send everything the older one let it send, and finds everything it was promised.
A new path, parameter that may be left out, answer field or enum value of an answer breaks nobody:
clients pass over what they do not know.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

_METHODS = ("get", "put", "post", "patch", "delete")
_FLOORS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_CEILINGS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FORMS = ("pattern", "format", "const")


def breaks(old: Schema, new: Schema) -> list[str]:
    """Every break as a sentence that names its place, in the order of the older description."""
    return list(_Comparison(old, new).run())


@dataclass(slots=True)
class _Comparison:
    old: Schema
    new: Schema
    under_way: set[tuple[int, int, bool]] = field(default_factory=set)
    """What is being compared further out, by identity: a shape may hold itself."""

    def run(self) -> Iterator[str]:
        for path, operations in self.old["paths"].items():
            if path not in self.new["paths"]:
                yield f"{path} is gone"
                continue
            for method in _METHODS:
                if method not in operations:
                    continue
                place = f"{method.upper()} {path}"
                if method in self.new["paths"][path]:
                    yield from self._operation(
                        place, operations[method], self.new["paths"][path][method]
                    )
                else:
                    yield f"{place} is gone"

    def _operation(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{place}: {old['operationId']} is now named {new['operationId']}"
        if new.get("security") and any(s not in new["security"] for s in old.get("security", [{}])):
            yield f"{place} asks for more than it did to let somebody in"
        yield from self._parameters(place, old, new)
        yield from self._body(place, old.get("requestBody"), new.get("requestBody"))
        for status, answer in old["responses"].items():
            if status.startswith("2"):
                yield from self._answer(f"{place} {status}", answer, new["responses"].get(status))

    def _parameters(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        known, offered = _named(old), _named(new)
        for key, parameter in known.items():
            at = f"{place} ?{key[1]}"
            if key in offered:
                yield from self._schema(
                    at, parameter["schema"], offered[key]["schema"], is_sent=True
                )
            else:
                yield f"{at} is gone"
        for key, parameter in offered.items():
            was_required = key in known and known[key].get("required", False)
            if parameter.get("required") and not was_required:
                yield f"{place} ?{key[1]} is required now"

    def _body(self, place: str, old: Schema | None, new: Schema | None) -> Iterator[str]:
        if new is not None and new.get("required") and not (old and old.get("required")):
            yield f"{place} needs a body now"
        if old is None:
            return
        if new is None:
            yield f"{place} takes no body any more"
            return
        yield from self._content(place, old, new, is_sent=True)

    def _answer(self, place: str, old: Schema, new: Schema | None) -> Iterator[str]:
        if new is None:
            yield f"{place} is no answer any more"
        else:
            yield from self._content(place, old, new, is_sent=False)

    def _content(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        offered = new.get("content", {})
        for media_type, content in old.get("content", {}).items():
            if media_type not in offered:
                yield f"{place} is no {media_type} any more"
            else:
                yield from self._schema(
                    place,
                    content.get("schema", {}),
                    offered[media_type].get("schema", {}),
                    is_sent=is_sent,
                )

    def _schema(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        """Compare a shape that a client sends, or (`is_sent` false) one that it reads."""
        before, after = _by_type(self.old, old), _by_type(self.new, new)
        # Who sends may send what it could before; who reads meets nothing it cannot read.
        lost = before.keys() - after.keys() if is_sent else after.keys() - before.keys()
        if "number" in (after if is_sent else before):
            lost -= {"integer"}
        for kind in sorted(lost):
            yield f"{place} may {'no longer' if is_sent else 'now'} be {kind}"
        for kind in sorted(before.keys() & after.keys()):
            yield from self._same_type(place, before[kind], after[kind], is_sent=is_sent)

    def _same_type(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        pair = (id(old), id(new), is_sent)
        if pair in self.under_way:
            return
        self.under_way.add(pair)
        for value in old.get("enum", ()) if "enum" in new else ():
            if value not in new["enum"]:
                yield f"{place} knows no {value} any more"
        if is_sent:
            yield from _narrowed(place, old, new)
        yield from self._fields(place, old, new, is_sent=is_sent)
        for inner in ("items", "additionalProperties"):
            if isinstance(old.get(inner), Mapping) and isinstance(new.get(inner), Mapping):
                yield from self._schema(f"{place}[]", old[inner], new[inner], is_sent=is_sent)
        self.under_way.discard(pair)

    def _fields(self, place: str, old: Schema, new: Schema, *, is_sent: bool) -> Iterator[str]:
        known, offered = old.get("properties", {}), new.get("properties", {})
        for name, schema in known.items():
            if name in offered:
                yield from self._schema(f"{place} .{name}", schema, offered[name], is_sent=is_sent)
            else:
                yield f"{place} .{name} is gone"
        required, was_required = set(new.get("required", ())), set(old.get("required", ()))
        for name in sorted(required - was_required) if is_sent else ():
            yield f"{place} .{name} is required now"
        for name in sorted((was_required - required) & offered.keys()) if not is_sent else ():
            yield f"{place} .{name} may be left out now"


def _named(operation: Schema) -> dict[tuple[str, str], Schema]:
    return {(p["in"], p["name"]): p for p in operation.get("parameters", ())}


def _narrowed(place: str, old: Schema, new: Schema) -> Iterator[str]:
    """What could be sent before, and is refused now."""
    for bounds, is_tighter in ((_FLOORS, float.__gt__), (_CEILINGS, float.__lt__)):
        for bound in bounds:
            if bound in new and (bound not in old or is_tighter(float(new[bound]), old[bound])):
                yield f"{place} has a tighter {bound} now"
    for form in _FORMS:
        if form in new and new[form] != old.get(form):
            yield f"{place} has another {form} now"
    if "enum" in new and "enum" not in old:
        yield f"{place} takes listed values only now"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield f"{place} refuses unknown fields now"


def _by_type(document: Schema, schema: Schema) -> dict[str, Schema]:
    """The alternatives of a schema by their JSON type; what says nothing may be `anything`."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _by_type(document, document["components"]["schemas"][name])
    alternatives = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if alternatives:
        return {k: s for one in alternatives for k, s in _by_type(document, one).items()}
    return {schema.get("type", "anything"): schema}
