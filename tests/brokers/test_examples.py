"""The examples of `deploy/brokers` ask what the hooks answer."""

import re
from pathlib import Path

from api.routes.broker import ConnectBody, UseBody, router
from registry.broker_access import DOWN_TOPICS, UP_TOPICS

PLACE = Path(__file__).parents[2] / "deploy" / "brokers"
_PLACEHOLDERS = {
    # docs.emqx.com, access-control/authn/authn and authz/http
    "username", "clientid", "password", "action", "topic", "client_attrs.issued",
}  # fmt: skip


def test_emqx_sends_what_the_hooks_take() -> None:
    """Each body has the fields of our schema, filled by placeholders that EMQX documents."""
    text = (PLACE / "emqx.conf").read_text("utf-8")
    bodies = re.findall(
        r'url = "https://MUSTER(/broker/\w+)".*?body \{(.*?)\n +\}', text, re.DOTALL
    )
    fields = {path: set(re.findall(r"^ +(\w+) = ", body, re.MULTILINE)) for path, body in bodies}

    assert fields == {
        "/broker/authenticate": set(ConnectBody.model_fields),
        "/broker/authorize": set(UseBody.model_fields),
    }
    assert set(re.findall(r"\$\{([\w.]+)\}", text)) == _PLACEHOLDERS


def test_emqx_fails_closed() -> None:
    """A hook that does not answer is a no, nobody is a superuser, nothing listens without TLS."""
    text = (PLACE / "emqx.conf").read_text("utf-8")

    assert "no_match = deny" in text
    assert "listeners.tcp.default { enable = false }" in text
    assert text.count("fail_if_no_peer_cert = true") == 1
    assert "{allow, all}." not in (PLACE / "emqx-acl.conf").read_text("utf-8")


def test_bridges_may_at_emqx_what_they_may_at_mosquitto() -> None:
    """They hear every up topic and write every down topic."""
    subscribe, publish = (PLACE / "emqx-acl.conf").read_text("utf-8").splitlines()[-2:]

    assert {f'"m2m/v1/+/{topic}"' for topic in UP_TOPICS} <= set(re.findall(r'"[^"]+"', subscribe))
    assert {f'"m2m/v1/+/{topic}"' for topic in DOWN_TOPICS} <= set(re.findall(r'"[^"]+"', publish))


def test_rabbitmq_asks_addresses_that_there_are() -> None:
    """Each question has its own, by POST, which no log keeps."""
    text = (PLACE / "rabbitmq.conf").read_text("utf-8")
    asked = set(re.findall(r"^auth_http\.\w+_path = http://[^/]+(/\S+)$", text, re.MULTILINE))

    paths = {str(getattr(route, "path", "")) for route in router.routes}
    assert asked == {path for path in paths if "/rabbitmq/" in path}
    assert "auth_http.http_method = post" in text
