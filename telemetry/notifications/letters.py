"""What goes out, as each kind of channel wants it: bodies, signatures, texts; pure."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from registry.conditions import SEVERITIES
from telemetry.notifications.model import AlarmEvent, ChannelKind, DeliveryForm

SIGNATURE, DELIVERY = "Muster-Signature", "Muster-Delivery"
# Alertmanager lets an alert end by itself that is not told again: this is for how long one lasts.
_OPEN_FOR = timedelta(hours=1)
_TEXT_BYTES = {ChannelKind.WECOM: 2000, ChannelKind.SMS: 400}
_LINES = 20
_OTHER_TEXT_BYTES = 8000

_WORDS = {
    "zh": {
        "opened": "告警", "cleared": "恢复", "acknowledged": "已确认", "assigned": "已指派",
        "shelved": "已搁置", "unshelved": "取消搁置",
        "breached": "超时未确认", "critical": "紧急", "major": "重要",
        "minor": "次要", "warning": "警告", "indeterminate": "提示",
        "test": "这是 Muster 发出的测试消息：此通道可以收到告警。", "subject": "Muster 告警",
        "more": "……另有 {n} 条。",
    },
    "en": {
        "opened": "alarm", "cleared": "over", "acknowledged": "acknowledged",
        "assigned": "assigned", "shelved": "shelved", "unshelved": "no longer shelved",
        "breached": "not taken note of in time",
        "critical": "critical", "major": "major", "minor": "minor", "warning": "warning",
        "indeterminate": "for the record",
        "test": "This is a test by Muster: alarms can be told by this channel.",
        "subject": "Muster alarms", "more": "... and {n} more.",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A delivery with all that is needed to send it; `told` are its first changes, in order."""

    delivery: int
    channel: int
    kind: ChannelKind
    form: DeliveryForm
    language: str
    address: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    told: Sequence[Mapping[str, Any]]
    counts: Mapping[tuple[str, str], int]
    console: str | None

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def sign(secrets: Sequence[str], at: int, body: bytes) -> str:
    """`t=<Unix s>,v1=<hex>`: HMAC-SHA256 over `<t>.<body>`, one `v1` for each secret in force."""
    signed = f"{at}.".encode() + body
    marks = [hmac.new(s.encode(), signed, hashlib.sha256).hexdigest() for s in secrets]
    return ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])


def webhook(letter: Letter, now: datetime) -> tuple[bytes, dict[str, str]]:
    """The documented body, and the headers that name and sign it."""
    alarm_fields = ("rule", "rule_name", "terminal", "shared", "shared_key", "group_client",
                    "region", "severity", "metric", "value", "raised_at", "told_at", "last_at",
                    "count", "cleared_at", "cleared_because", "acknowledged_at",
                    "acknowledged_by", "assignee")  # fmt: skip
    body = orjson.dumps(
        {
            "delivery": letter.delivery,
            "channel": letter.channel,
            "form": letter.form,
            "changes": [
                {
                    "id": row["change"], "event": row["event"], "at": row["at"], "by": row["by"],
                    "alarm": {"id": row["alarm"], **{name: row[name] for name in alarm_fields}},
                }
                for row in letter.told
            ],
        },
        option=orjson.OPT_UTC_Z,
    )  # fmt: skip
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "Muster",
        DELIVERY: str(letter.delivery),
        SIGNATURE: sign(letter.secrets, int(now.timestamp()), body),
    }


def alertmanager(letter: Letter, now: datetime) -> list[dict[str, Any]]:
    """Alerts of Alertmanager's v2 API; what is over has ended, what is open lasts for an hour."""
    if letter.form is DeliveryForm.TEST:
        labels = {"alertname": "MusterTest", "severity": "indeterminate", "source": "muster"}
        return [{
            "labels": labels, "annotations": {"summary": _WORDS[letter.language]["test"]},
            "startsAt": now.isoformat(), "endsAt": (now + timedelta(seconds=1)).isoformat(),
        }]  # fmt: skip
    last = {row["alarm"]: row for row in letter.told}  # of one alarm the last is what holds
    return [_alert(row, letter, now) for row in last.values()]


def _alert(row: Mapping[str, Any], letter: Letter, now: datetime) -> dict[str, Any]:
    ends = row["cleared_at"] or now + _OPEN_FOR
    labels = {
        "alertname": row["rule_name"], "severity": row["severity"],
        "terminal": row["terminal"] or "", "group_client": row["group_client"] or "",
        "region": str(row["region"]), "alarm": str(row["alarm"]), "source": "muster",
    }  # fmt: skip
    alert = {
        "labels": labels, "annotations": {"summary": line(row, letter.language)},
        "startsAt": row["raised_at"].isoformat(),
        "endsAt": max(ends, row["raised_at"]).isoformat(),
    }  # fmt: skip
    if letter.console is not None:
        alert["generatorURL"] = f"{letter.console}/alarms/{row['alarm']}"
    return alert


def line(row: Mapping[str, Any], language: str) -> str:
    """One change as people read it."""
    words = _WORDS[language]
    parts = [f"[{words[row['severity']]}] {words[row['event']]}: {row['rule_name']}",
             row["terminal"] or f"{row['shared']} {row['shared_key']}: {row['count']}"]  # fmt: skip
    if row["value"] is not None and row["metric"] is not None:
        parts.append(f"{row['metric']} = {row['value']:g}")
    parts.append(f"{row['raised_at']:%Y-%m-%d %H:%M:%S}Z")
    return " · ".join(parts)


def heading(letter: Letter) -> str:
    """How much of what, in one line."""
    words = _WORDS[letter.language]
    if letter.form is DeliveryForm.TEST:
        return f"{words['subject']}: {letter.channel}"
    counted = [
        f"{words[severity]} {words[event]} {letter.counts[event, severity]}"
        for event in AlarmEvent
        for severity in SEVERITIES
        if (event, severity) in letter.counts
    ]
    return f"{words['subject']}: " + ", ".join(counted)


def text(letter: Letter) -> str:
    """All of it as people read it, as long as the kind of channel bears."""
    words = _WORDS[letter.language]
    if letter.form is DeliveryForm.TEST:
        return words["test"]
    most = _TEXT_BYTES.get(letter.kind, _OTHER_TEXT_BYTES)
    lines = [heading(letter)] if letter.total > 1 else []
    shown = 0
    for row in letter.told[:_LINES]:
        more = words["more"].format(n=letter.total)
        told = line(row, letter.language)
        if len("\n".join([*lines, told, more]).encode()) > most and shown:
            break
        lines.append(told)
        shown += 1
    if shown < letter.total:
        lines.append(words["more"].format(n=letter.total - shown))
    return "\n".join(lines).encode()[:most].decode(errors="ignore")


def chat(letter: Letter, now: datetime) -> tuple[str, dict[str, Any]]:
    """The address and the body of a chat service's robot, signed as the service wants it."""
    url, said = letter.address, text(letter)
    secret = letter.secrets[0] if letter.secrets else None
    if letter.kind is ChannelKind.DINGTALK:
        if secret is not None:
            at = str(int(now.timestamp() * 1000))
            mark = _mark(secret, f"{at}\n{secret}")
            joint = "&" if "?" in url else "?"
            url += f"{joint}timestamp={at}&sign={quote(mark, safe='')}"
        return url, {"msgtype": "text", "text": {"content": said}}
    if letter.kind is ChannelKind.WECOM:
        return url, {"msgtype": "text", "text": {"content": said}}
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": said}}
    if secret is not None:
        at = str(int(now.timestamp()))
        body |= {"timestamp": at, "sign": _mark(f"{at}\n{secret}", "")}
    return url, body


def _mark(key: str, signed: str) -> str:
    return base64.b64encode(
        hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()
    ).decode()


def is_taken(kind: ChannelKind, answer: bytes) -> bool:
    """Whether a chat service took it: each answers 200 to what it refuses, too, and says so."""
    try:
        told = json.loads(answer)
    except ValueError:
        return False
    codes = ("code", "StatusCode") if kind is ChannelKind.FEISHU else ("errcode",)
    return isinstance(told, dict) and any(told.get(name) == 0 for name in codes)


def sms(template: str, number: str, said: str) -> bytes:
    """The gateway's body: the template with number and text in its texts."""

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{to}", number).replace("{text}", said)
        if isinstance(value, list):
            return [fill(each) for each in value]
        if isinstance(value, dict):
            return {key: fill(each) for key, each in value.items()}
        return value

    return orjson.dumps(fill(json.loads(template)))
