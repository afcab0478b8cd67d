"""The MQTT side as an AsyncAPI 3.0 document, its words taken from the code that acts by them.

Each example says in `x-outcomes` of its message what becomes of it; a test sends them all. The
times in them are moved to the present there, where they are not before `EXAMPLES_FROM`.
"""

from typing import Any

from broker_bridge.decoders.document import MAX_BOOT, MAX_BYTES, MAX_ITEMS
from broker_bridge.decoders.identity import MOST_TEXT
from broker_bridge.decoders.json import MAX_KEYS
from broker_bridge.receipts import CHANNEL as RECEIPT
from broker_bridge.topics import Channel
from registry.conditions import SEVERITIES
from telemetry.model import Reason

EXAMPLES_FROM = 1_790_000_000_000  # Unix ms

_WHEN = {
    "description": "Unix ms or s, or RFC 3339 with an offset. Absent: our clock, and a repetition"
    " is another row.",
    "oneOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "format": "date-time"}],
}
_BOOT = {
    "description": "Chosen anew at each start, never used before.",
    "type": ["string", "integer"],
    "maxLength": MAX_BOOT,
}
_HEADER = {
    "ts": _WHEN,
    "seq": {
        "description": "Number of the message in its boot, from 1; without `boot` it is none.",
        "type": "integer",
        "minimum": 0,
    },
    "boot": _BOOT,
    "from": {
        "description": "Oldest number of this boot that the terminal still keeps.",
        "type": "integer",
        "minimum": 0,
    },
}
_VALUE = {"type": ["number", "string", "boolean", "null"]}
_NUMBERS = {
    "imei": {"type": ["string", "integer"], "examples": ["490154203237518"]},
    "iccid": {"type": ["string", "integer"], "examples": ["89860012345678901234"]},
    "imsi": {"type": ["string", "integer"], "examples": ["460001234567890"]},
}
_TEXT = {"type": ["string", "null"], "maxLength": MOST_TEXT}


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Muster: terminals on MQTT",
            "version": "1",
            "description": "What terminals say to Muster and hear from it, seen from Muster."
            " `{terminal}` is the terminal's code, its MQTT user name (or the common name of its"
            " certificate) and its client id: it may use its own topics and no others. MQTT 3.1.1"
            " and 5, QoS 1 expected and 0 accepted; a retain flag is ignored.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "broker.example:8883",
                "protocol": "secure-mqtt",
                "description": "The operator says where it is.",
                "security": [
                    {"$ref": "#/components/securitySchemes/password"},
                    {"$ref": "#/components/securitySchemes/certificate"},
                ],
            }
        },
        "channels": {
            **{channel.value: _channel(channel) for channel in Channel},
            RECEIPT: _channel(RECEIPT),
        },
        "operations": {
            **{f"hear_{channel}": _operation("receive", channel) for channel in Channel},
            "tell_receipt": _operation("send", RECEIPT),
        },
        "components": {
            "messages": _MESSAGES,
            "schemas": _SCHEMAS,
            "securitySchemes": {
                "password": {
                    "type": "userPassword",
                    "description": "The terminal's code and the password of its registration.",
                },
                "certificate": {
                    "type": "X509",
                    "description": "Signed by the operator from the terminal's own request.",
                },
            },
        },
    }


def _channel(name: str) -> dict[str, Any]:
    return {
        "address": f"m2m/v1/{{terminal}}/{name}",
        "parameters": {
            "terminal": {"description": "The terminal's code: 1 to 64 letters, digits, _ and -."}
        },
        "messages": {
            message: {"$ref": f"#/components/messages/{message}"} for message in _SAID_ON[name]
        },
    }


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": _SUMMARIES[channel],
        "bindings": {"mqtt": {"qos": 1, "bindingVersion": "0.2.0"}},
    }


_SAID_ON: dict[str, tuple[str, ...]] = {
    Channel.TELEMETRY: ("readings", "frame"),
    Channel.EVENT: ("events",),
    Channel.HELLO: ("hello",),
    Channel.STATUS: ("status",),
    Channel.REPLY: ("reply",),
    Channel.REPORTED: ("reported",),
    RECEIPT: ("receipt",),
}
_SUMMARIES: dict[str, str] = {
    Channel.TELEMETRY: "What it measured, in its profile's codec.",
    Channel.EVENT: "What happened at it.",
    Channel.HELLO: "Who it is, said at each start; held against the binding of its SIM.",
    Channel.STATUS: "Whether it has a session; `offline` is its last will.",
    Channel.REPLY: "What became of a command; kept as an event.",
    Channel.REPORTED: "How it is set, as a merge patch; kept as an event.",
    RECEIPT: "Up to which number all it sent has a durable fate, and what was refused.",
}


def _object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties} | more


def _one_or_list(schema: str) -> dict[str, Any]:
    one = {"$ref": f"#/components/schemas/{schema}"}
    return {"oneOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_ITEMS}]}


_SCHEMAS: dict[str, Any] = {
    "reading": {
        "description": "With `values`, or flat: then every other name is a metric. Names, types,"
        " units and ranges are the profile's; null is an absent metric.",
        "oneOf": [
            _object(
                _HEADER | _NUMBERS | {"values": {"$ref": "#/components/schemas/values"}},
                required=["values"],
                additionalProperties=False,
            ),
            _object(
                _HEADER | _NUMBERS,
                additionalProperties=_VALUE,
                minProperties=1,
                **{"not": {"required": ["values"]}},
            ),
        ],
    },
    "values": {"type": "object", "additionalProperties": _VALUE, "maxProperties": MAX_KEYS},
    "event": _object(
        _HEADER
        | {
            "code": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$"},
            "severity": {"enum": list(SEVERITIES)},
            "text": {"type": ["string", "null"]},
            "data": {"type": ["object", "null"]},
        },
        required=["code"],
        additionalProperties=False,
    ),
    "refusal": _object(
        {
            "seq": {"type": "integer"},
            "sha256": {
                "description": "First 8 bytes of the payload's SHA-256 where it has no number.",
                "type": "string",
                "pattern": "^[0-9a-f]{16}$",
            },
            "reason": {"enum": [reason.value for reason in Reason]},
            "detail": {"type": "string"},
        },
        required=["reason", "detail"],
        oneOf=[{"required": ["seq"]}, {"required": ["sha256"]}],
        additionalProperties=False,
    ),
}

_T = EXAMPLES_FROM
_BASE: dict[str, Any] = {"ts": _T, "seq": 1, "boot": "a7", "values": {"voltage_a": 231.2}}
_TOO_HIGH: dict[str, Any] = {"ts": _T + 60_000, "seq": 2, "boot": "a7",
                             "values": {"voltage_a": 23120}}  # fmt: skip


def _message(
    summary: str, payload: dict[str, Any], examples: dict[str, tuple[Any, dict[str, Any]]]
) -> dict[str, Any]:
    """A message; of each example its payload and outcome. A text is sent as it stands."""
    return {
        "summary": summary,
        "payload": payload,
        "examples": [{"name": name, "payload": said} for name, (said, _) in examples.items()],
        "x-outcomes": {name: outcome for name, (_, outcome) in examples.items() if outcome},
    }


def _stored(readings: int) -> dict[str, Any]:
    return {"stored": readings}


def _refused(reason: Reason) -> dict[str, Any]:
    return {"refused": reason.value}


def _told(*codes: str) -> dict[str, Any]:
    return {"events": list(codes)}


_MESSAGES: dict[str, Any] = {
    "readings": _message(
        f"Readings of a profile with codec `json`, {MAX_BYTES} bytes at most.",
        _one_or_list("reading"),
        {
            "numbered": (_BASE, _stored(1) | {"receipt": {"boot": "a7", "seq": 1}}),
            "sent_again": (_BASE, {"duplicate": 1, "receipt": {"boot": "a7", "seq": 1}}),
            "flat": ({"ts": (_T + 120_000) // 1000, "voltage_a": 231.4}, _stored(1)),
            "list": (
                [
                    {"ts": _T + 180_000, "values": {"voltage_a": 231.5, "energy_kwh": 12.34}},
                    {"ts": _T + 240_000, "voltage_a": 231.6},
                ],
                _stored(2),
            ),
            "without_time": ({"voltage_a": 231.2}, _stored(1)),
            "partly_good": (
                {"ts": _T + 300_000, "values": {"voltage_a": 231.2, "colour": 3}},
                _stored(1) | _refused(Reason.UNKNOWN_METRIC),
            ),
            "wrong_unit": (
                _TOO_HIGH,
                _refused(Reason.OUT_OF_RANGE)
                | {"receipt": {"boot": "a7", "seq": 2, "refused": [{"seq": 2}]}},
            ),
            "given_up": (
                {"ts": _T + 360_000, "seq": 9, "boot": "a7", "from": 9,
                 "values": {"voltage_a": 231.3}},
                _stored(1) | {"receipt": {"boot": "a7", "seq": 9}},
            ),
            "text_for_number": (
                {"ts": _T + 420_000, "values": {"voltage_a": "231.2"}},
                _refused(Reason.WRONG_TYPE),
            ),
            "other_value_again": (
                {"ts": _T, "values": {"voltage_a": 229.9}}, _refused(Reason.CONFLICT),
            ),
            "wrong_clock": (
                {"ts": 1_000_000_000_000, "values": {"voltage_a": 231.2}}, _refused(Reason.CLOCK),
            ),
            "not_json": (
                '{"voltage_a": ', _refused(Reason.MALFORMED) | {"receipt": {"refused": [{}]}},
            ),
        },
    ),
    "frame": {
        "summary": "Bytes of a terminal whose profile has another codec; see codecs.md.",
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "maxLength": MAX_BYTES},
    },
    "events": _message(
        "One event or a list of them, for the terminals of every codec.",
        _one_or_list("event"),
        {
            "one": (
                {"ts": _T, "code": "door.forced", "severity": "major", "text": "Cabinet 3",
                 "data": {"cabinet": 3}},
                _told("door.forced"),
            ),
            "list": (
                [{"ts": _T + 1000, "code": "power.lost"}, {"ts": _T + 2000, "code": "power.back"}],
                _told("power.lost", "power.back"),
            ),
            "of_the_platform": (
                {"ts": _T, "code": "identity.restored"}, _refused(Reason.MALFORMED),
            ),
            "no_severity_of_ours": (
                {"ts": _T, "code": "door.open", "severity": "fatal"}, _refused(Reason.MALFORMED),
            ),
        },
    ),
    "hello": _message(
        "What can be read of modem and SIM; a field that cannot is left out.",
        _object(_NUMBERS | {"apn": _TEXT, "firmware": _TEXT, "model": _TEXT, "boot": _BOOT}),
        {
            "start": (
                {"imei": "490154203237518", "apn": "m2m", "firmware": "2.4.1", "boot": "a7"},
                _told("hello"),
            ),
            "wrong_imei": (
                {"imei": "490154203237519", "firmware": "2.4.1"},
                _told("hello") | _refused(Reason.MALFORMED),
            ),
        },
    ),
    "status": _message(
        "Its session.",
        _object({"session": {"enum": ["online", "offline"]}}, required=["session"]),
        {
            "online": ({"session": "online"}, _told("session")),
            "neither": ({"session": "asleep"}, _refused(Reason.MALFORMED)),
        },
    ),
    "reply": _message(
        "The answer to a command.",
        _object({"id": {"type": "string"}, "status": {"type": "string"}, "result": {}}),
        {"done": ({"id": "c-17", "status": "done", "result": {"relay": "open"}}, _told("reply"))},
    ),
    "reported": _message(
        "A merge patch (RFC 7386) of how it is set.",
        {"type": "object"},
        {"interval": ({"interval_seconds": 300}, _told("reported"))},
    ),
    "receipt": _message(
        "Cumulative: one that is missed is made good by the next.",
        _object(
            {
                "boot": {"type": "string", "maxLength": MAX_BOOT},
                "seq": {
                    "description": "Every number up to it has a durable fate.",
                    "type": "integer",
                },
                "refused": {"type": "array", "items": {"$ref": "#/components/schemas/refusal"}},
            },
            additionalProperties=False,
        ),
        {
            "all_durable": ({"boot": "a7", "seq": 41}, {}),
            "one_refused": (
                {"boot": "a7", "seq": 41, "refused": [
                    {"seq": 40, "reason": "out_of_range", "detail": "voltage_a: 23120 is above 260"}
                ]},
                {},
            ),
        },
    ),
}  # fmt: skip
