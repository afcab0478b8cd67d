"""What goes out is what each receiver documents, however much there is to tell."""

import base64
import hashlib
import hmac
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from telemetry.notifications import letters
from telemetry.notifications.letters import Letter
from telemetry.notifications.model import CHATS, ChannelKind, DeliveryForm
from telemetry.notifications.posting import AGAIN_AFTER_SECONDS

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)


def change(number: int = 1, **more: Any) -> dict[str, Any]:
    """A change as it is read."""
    return {
        "change": number, "event": "opened", "at": NOW, "by": "system:jobs", "alarm": number,
        "rule": 5, "rule_name": "Voltage too high", "terminal": f"METER-{number}",
        "group_client": "acme", "region": 320500, "severity": "major", "metric": "voltage_a",
        "value": 262.5, "raised_at": NOW, "told_at": NOW, "last_at": NOW, "count": 1,
        "cleared_at": None, "cleared_because": None, "acknowledged_at": None,
        "acknowledged_by": None, "assignee": None,
    } | more  # fmt: skip


def letter(kind: ChannelKind, *told: dict[str, Any], total: int = 0, **more: Any) -> Letter:
    """A letter that tells these changes, of `total`."""
    counts = Counter((row["event"], row["severity"]) for row in told)
    if total:
        counts["opened", "major"] += total - len(told)
    given: dict[str, Any] = {
        "delivery": 17, "channel": 3, "kind": kind, "form": DeliveryForm.ALARMS, "language": "en",
        "address": "https://robot.example/send?access_token=x", "secrets": (), "told": told,
        "counts": counts, "console": "https://muster.example",
    }  # fmt: skip
    return Letter(**(given | more))


def test_an_alert_of_alertmanager_ends_when_the_alarm_does() -> None:
    """Its v2 API: labels that stay the same, RFC 3339 times, one alert of each alarm."""
    over = change(1, event="cleared", cleared_at=NOW + timedelta(minutes=3))
    told = letters.alertmanager(letter(ChannelKind.ALERTMANAGER, change(1), over, change(2)), NOW)

    ended, lasting = told
    assert ended["labels"] == {
        "alertname": "Voltage too high", "severity": "major", "terminal": "METER-1",
        "group_client": "acme", "region": "320500", "alarm": "1", "source": "muster",
    }  # fmt: skip
    assert set(ended) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
    assert all(isinstance(value, str) for value in ended["labels"].values())
    assert datetime.fromisoformat(ended["startsAt"]) == NOW
    assert datetime.fromisoformat(ended["endsAt"]) == NOW + timedelta(minutes=3)
    assert datetime.fromisoformat(lasting["endsAt"]) > NOW + 3 * timedelta(
        seconds=AGAIN_AFTER_SECONDS
    )
    assert ended["generatorURL"] == f"https://muster.example/alarms/{ended['labels']['alarm']}"


def test_dingtalk_is_signed_as_it_wants_it() -> None:
    """Base64 of HMAC-SHA256 with the secret over `<ms>\\n<secret>`, in the address."""
    url, body = letters.chat(letter(ChannelKind.DINGTALK, change(), secrets=("SECabc",)), NOW)

    asked = parse_qs(urlsplit(url).query)
    stamp = str(int(NOW.timestamp() * 1000))
    mark = hmac.new(b"SECabc", f"{stamp}\nSECabc".encode(), hashlib.sha256).digest()
    assert asked == {
        "access_token": ["x"], "timestamp": [stamp], "sign": [base64.b64encode(mark).decode()],
    }  # fmt: skip
    assert body["msgtype"] == "text"
    assert "METER-1" in body["text"]["content"]


def test_feishu_is_signed_as_it_wants_it() -> None:
    """Base64 of HMAC-SHA256 with `<s>\\n<secret>` as key over nothing, in the body."""
    url, body = letters.chat(letter(ChannelKind.FEISHU, change(), secrets=("abc",)), NOW)

    stamp = str(int(NOW.timestamp()))
    mark = hmac.new(f"{stamp}\nabc".encode(), b"", hashlib.sha256).digest()
    assert url == "https://robot.example/send?access_token=x"
    assert (body["timestamp"], body["sign"]) == (stamp, base64.b64encode(mark).decode())
    assert (body["msg_type"], set(body["content"])) == ("text", {"text"})


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [(ChannelKind.DINGTALK, b'{"errcode":0,"errmsg":"ok"}', b'{"errcode":310000}'),
     (ChannelKind.WECOM, b'{"errcode":0,"errmsg":"ok"}', b'{"errcode":45009}'),
     (ChannelKind.FEISHU, b'{"code":0,"msg":"success"}', b'{"code":19021}')],
)  # fmt: skip
def test_a_chat_service_says_in_its_answer_whether_it_took_it(
    kind: ChannelKind, taken: bytes, refused: bytes
) -> None:
    """Each answers 200 either way: what says nothing, or something else, is not taken."""
    assert letters.is_taken(kind, taken)
    assert not any(letters.is_taken(kind, answer) for answer in (refused, b"", b"{}", b"[]", b"ok"))


@pytest.mark.parametrize("kind", sorted(CHATS | {ChannelKind.MAIL, ChannelKind.SMS}))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_storm_is_a_sum_and_its_first_lines(kind: ChannelKind, language: str) -> None:
    """A hundred thousand alarms are one message that every service takes."""
    rows = [change(n, rule_name="电压过高" * 20) for n in range(20)]
    said = letters.text(letter(kind, *rows, total=100_000, language=language))

    most = {ChannelKind.WECOM: 2000, ChannelKind.SMS: 400}.get(kind, 8000)
    assert len(said.encode()) <= most
    assert "100000" in said
    assert "METER-0" in said


def test_one_alarm_is_one_line() -> None:
    """Severity, rule, terminal, value and when; in either language."""
    in_english = letters.text(letter(ChannelKind.MAIL, change()))
    in_chinese = letters.text(letter(ChannelKind.MAIL, change(), language="zh"))

    assert in_english == (
        "[major] alarm: Voltage too high · METER-1 · voltage_a = 262.5 · 2026-11-28 08:00:00Z"
    )
    assert in_chinese.startswith("[重要] 告警: Voltage too high")


def test_the_gateways_template_takes_any_text() -> None:
    """Quotes and line ends in a text stay in it."""
    said = 'a "b"\n{to}'
    body = letters.sms('{"a": ["{to}"], "b": {"c": "x {text}"}, "n": 1}', "+861", said)

    assert body == b'{"a":["+861"],"b":{"c":"x a \\"b\\"\\n{to}"},"n":1}'


def test_a_letter_never_shows_what_is_secret() -> None:
    """Not in what a log or a traceback would print of it."""
    shown = repr(letter(ChannelKind.WECOM, change(), secrets=("hidden",)))

    assert "hidden" not in shown
    assert "access_token" not in shown
