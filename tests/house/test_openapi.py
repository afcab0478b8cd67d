"""The description of the API: what is checked in is true, and takes nothing from its clients."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.app import openapi_document
from tests.house.breaking import breaks

Document = dict[str, Any]
Edit = Callable[[Document], object]

ROOT = Path(__file__).parents[2]
PRESENT = ROOT / "docs/reference/openapi.json"
RELEASED = ROOT / "docs/reference/openapi-released.json"

# Breaks that are meant, as the check words them, and why; empty again after each release.
_NOT_THEIRS = "what the operator thinks of a client is not for the client: it reads null"
MEANT: dict[str, str] = {
    "GET /api/v1/group-clients 200 .items[] .watched may now be null": _NOT_THEIRS,
    "GET /api/v1/group-clients/{code} 200 .watched may now be null": _NOT_THEIRS,
    "POST /api/v1/group-clients 201 .watched may now be null": _NOT_THEIRS,
    "POST /api/v1/group-clients .file_state is gone": "a file begins surveyed, and is moved"
    " by different people (POST .../file/moves)",
}


def read(path: Path) -> Document:
    document: Document = json.loads(path.read_text("utf-8"))
    return document


def test_the_checked_in_description_is_what_the_api_answers() -> None:
    """After a change of routes: `./muster openapi > docs/reference/openapi.json`."""
    kept, answered = read(PRESENT), json.loads(json.dumps(openapi_document()))
    # A checkout has no version; an installation has one.
    for document in (kept, answered):
        del document["info"]["version"]

    assert kept == answered, "run: ./muster openapi > docs/reference/openapi.json"


def test_clients_of_the_last_release_go_on_working() -> None:
    """Nothing they use is gone or narrower, except what is meant."""
    found = breaks(read(RELEASED), openapi_document())

    assert [one for one in found if one not in MEANT] == []
    assert [one for one in MEANT if one not in found] == [], "no longer a break: take it out"


def small() -> Document:
    """A description with one of everything that the check looks at."""
    state = {"type": "string", "enum": ["on", "off"]}
    node = {
        "type": "object",
        "required": ["code", "state"],
        "properties": {
            "code": {"type": "string", "maxLength": 64},
            "state": {"$ref": "#/components/schemas/State"},
            "parent": {"anyOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "height": {"type": "number"},
        },
    }
    body = {
        "type": "object",
        "required": ["code"],
        "properties": {
            "code": {"type": "string", "maxLength": 64},
            "floor": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
            "state": {"$ref": "#/components/schemas/State"},
            "weight": {"type": "number"},
        },
    }
    return {
        "paths": {
            "/nodes": {
                "get": {
                    "operationId": "list_nodes",
                    "security": [{"apiKey": []}],
                    "parameters": [
                        {"in": "query", "name": "limit", "schema": {"type": "integer"}},
                        {"in": "query", "name": "state", "schema": {"type": "string"}},
                    ],
                    "responses": {"200": _json("Node"), "404": {}},
                },
                "post": {
                    "operationId": "make_node",
                    "requestBody": _json("Body") | {"required": True},
                    "responses": {"201": _json("Node")},
                },
            }
        },
        "components": {"schemas": {"State": state, "Node": node, "Body": body}},
    }


def _json(name: str) -> Document:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"content": {"application/json": {"schema": schema}}}


def _nodes(document: Document) -> Document:
    nodes: Document = document["paths"]["/nodes"]
    return nodes


def _schema(document: Document, name: str) -> Document:
    schema: Document = document["components"]["schemas"][name]
    return schema


def _field(document: Document, name: str, inner: str) -> Document:
    schema: Document = _schema(document, name)["properties"][inner]
    return schema


BREAKS: list[tuple[Edit, str]] = [
    (lambda d: d["paths"].pop("/nodes"), "/nodes is gone"),
    (lambda d: _nodes(d).pop("get"), "GET /nodes is gone"),
    (
        lambda d: _nodes(d)["get"].update(operationId="nodes"),
        "GET /nodes: list_nodes is now named nodes",
    ),
    (
        lambda d: _nodes(d)["post"].update(security=[{"apiKey": []}]),
        "POST /nodes asks for more than it did to let somebody in",
    ),
    (lambda d: _nodes(d)["get"]["parameters"].pop(0), "GET /nodes ?limit is gone"),
    (
        lambda d: _nodes(d)["get"]["parameters"][0].update(required=True),
        "GET /nodes ?limit is required now",
    ),
    (
        lambda d: _nodes(d)["get"]["parameters"].append(
            {"in": "query", "name": "of", "required": True, "schema": {}}
        ),
        "GET /nodes ?of is required now",
    ),
    (
        lambda d: _nodes(d)["get"]["parameters"][1]["schema"].update(enum=["on"]),
        "GET /nodes ?state takes listed values only now",
    ),
    (
        lambda d: _nodes(d)["get"].update(requestBody=_json("Body") | {"required": True}),
        "GET /nodes needs a body now",
    ),
    (lambda d: _nodes(d)["post"].pop("requestBody"), "POST /nodes takes no body any more"),
    (lambda d: _nodes(d)["get"]["responses"].pop("200"), "GET /nodes 200 is no answer any more"),
    (
        lambda d: _nodes(d)["get"]["responses"]["200"].update(content={"text/csv": {}}),
        "GET /nodes 200 is no application/json any more",
    ),
    (
        lambda d: _schema(d, "Body")["required"].append("floor"),
        "POST /nodes .floor is required now",
    ),
    (lambda d: _schema(d, "Body")["properties"].pop("floor"), "POST /nodes .floor is gone"),
    (
        lambda d: _schema(d, "Body").update(additionalProperties=False),
        "POST /nodes refuses unknown fields now",
    ),
    (
        lambda d: _field(d, "Body", "code").update(maxLength=32),
        "POST /nodes .code has a tighter maxLength now",
    ),
    (
        lambda d: _field(d, "Body", "code").update(minLength=1),
        "POST /nodes .code has a tighter minLength now",
    ),
    (
        lambda d: _field(d, "Body", "code").update(pattern="^[a-z]+$"),
        "POST /nodes .code has another pattern now",
    ),
    (
        lambda d: _field(d, "Body", "floor")["anyOf"].pop(),
        "POST /nodes .floor may no longer be null",
    ),
    (
        lambda d: _field(d, "Body", "weight").update(type="integer"),
        "POST /nodes .weight may no longer be number",
    ),
    (
        lambda d: _schema(d, "Node")["properties"].pop("height"),
        "GET /nodes 200 .height is gone",
    ),
    (
        lambda d: _schema(d, "Node")["required"].remove("code"),
        "GET /nodes 200 .code may be left out now",
    ),
    (
        lambda d: _field(d, "Node", "code").update(type="integer"),
        "GET /nodes 200 .code may now be integer",
    ),
    (
        lambda d: _field(d, "Node", "tags").update(items={"type": "integer"}),
        "GET /nodes 200 .tags[] may now be integer",
    ),
    (
        lambda d: _schema(d, "State")["enum"].remove("off"),
        "POST /nodes .state knows no off any more",
    ),
]


@pytest.mark.parametrize(("edit", "sentence"), BREAKS, ids=[sentence for _, sentence in BREAKS])
def test_what_takes_something_away_is_named(edit: Edit, sentence: str) -> None:
    """Each kind of break is found, at its place."""
    newer = small()
    edit(newer)

    assert sentence in breaks(small(), newer)


ADDITIONS: dict[str, Edit] = {
    "a path": lambda d: d["paths"].update({"/more": {}}),
    "an operation": lambda d: _nodes(d).update(delete={}),
    "a parameter": lambda d: _nodes(d)["get"]["parameters"].append(
        {"in": "query", "name": "of", "schema": {}}
    ),
    "a way to sign in": lambda d: _nodes(d)["get"]["security"].append({"session": []}),
    "a field": lambda d: [_schema(d, s)["properties"].update(new={}) for s in ("Node", "Body")],
    "a value": lambda d: _schema(d, "State")["enum"].append("broken"),
    "room": lambda d: _field(d, "Body", "code").update(maxLength=128),
    "a promise": lambda d: _schema(d, "Node")["required"].append("tags"),
    "a whole number": lambda d: _field(d, "Node", "height").update(type="integer"),
    "nothing": lambda d: d,
}


@pytest.mark.parametrize("edit", ADDITIONS.values(), ids=ADDITIONS.keys())
def test_what_only_adds_breaks_nobody(edit: Edit) -> None:
    """Clients pass over what they do not know."""
    newer = small()
    edit(newer)

    assert breaks(small(), newer) == []
