"""Signing in at an identity provider: whom it lets in, as what, and what the settings say of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from api.oidc.sign_on import mapping_faults
from foundation.settings import SettingsInvalid, load
from tests.api.conftest import asking
from tests.api.signing_on import CALLBACK, Stage
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, SUZHOU, TRANSIT, World


async def test_a_group_decides_what_its_people_may_do(stage: Stage) -> None:
    """At the first sign-in an account is made, with the group's role and reach; no second factor of
    ours is asked of it, though this deployment asks everyone."""
    async with asking(stage.app) as client:
        form = await client.get("/signin?return_to=%2Fterminals")
        answer = await stage.sign_on(client, "/terminals")
        me = (await client.get("/api/v1/me")).json()
        seen = (await client.get("/api/v1/terminals")).json()["items"]
    assert 'href="/signin/provider?return_to=/terminals"' in form.text
    assert "Sign in with Example Group" in form.text
    assert answer.status_code == 200
    assert 'content="0; url=/terminals"' in answer.text
    assert (me["name"], me["region"], me["awaits"]) == ("mei", SUZHOU, None)
    assert me["account"]["role"] == "operator"
    assert me["account"]["issuer"] == stage.provider.issuer
    assert me["account"]["created_by"] == "system:sign_on"
    assert {terminal["code"] for terminal in seen} >= {"METER-1", "METER-2"}
    assert "BUS-1" not in {terminal["code"] for terminal in seen}


async def test_accounts_follow_their_groups(stage: Stage) -> None:
    """Another group at the next sign-in is another role, and ends what the old one opened; the
    first rule of the file that fits decides; what an account manager sees, assignments say."""
    async with asking(stage.app) as old, asking(stage.app) as new:
        await stage.sign_on(old)
        stage.provider.person["groups"] = ["power", "everybody"]
        await stage.sign_on(new)
        client = (await new.get("/api/v1/me")).json()
        ended = await old.get("/api/v1/me")
        stage.provider.person["groups"] = ["power", "admins"]
        await stage.sign_on(new)
        admin = (await new.get("/api/v1/me")).json()
        stage.provider.person["groups"] = "managers"
        await stage.sign_on(new)
        manager = (await new.get("/api/v1/me")).json()
    assert (client["account"]["role"], client["group_clients"]) == ("client_viewer", [POWER])
    assert ended.status_code == 401
    assert (admin["account"]["role"], admin["everything"]) == ("admin", True)
    assert (manager["account"]["role"], manager["group_clients"]) == ("account_manager", [])
    assert manager["account"]["version"] == 4
    told = stage.rows(
        "select distinct actor from registry.audit where action = 'user_account.update'"
    )
    assert told == [("system:sign_on",)]


async def test_who_loses_every_group_is_out_everywhere(stage: Stage) -> None:
    """Refused with a sentence, on record, and the sessions that were open end."""
    async with asking(stage.app) as open_, asking(stage.app) as client:
        await stage.sign_on(open_)
        stage.provider.person["groups"] = ["everybody"]
        answer = await stage.sign_on(client)
        after = await open_.get("/api/v1/me")
    assert answer.status_code == 403
    assert "None of your groups has a part in Muster" in answer.text
    assert after.status_code == 401
    assert stage.rows(
        "select reason, action, keys from registry.audit where outcome = 'refused' order by id"
    )[0] == ("no_group_fits", f"GET {CALLBACK}", ["mei"])


async def test_an_account_of_ours_is_never_taken_over(stage: Stage) -> None:
    """Nor one of another person there: a name proves nothing."""
    async with asking(stage.app) as client:
        stage.provider.person |= {"preferred_username": "ada", "groups": ["admins"]}
        ours = await stage.sign_on(client)
        stage.provider.person["preferred_username"] = "mei"
        await stage.sign_on(client)
        stage.provider.person["sub"] = "somebody-else"
        theirs = await stage.sign_on(client)
        stage.provider.person |= {"sub": "mei-1", "preferred_username": "mei.married"}
        again = await stage.sign_on(client)
        me = (await client.get("/api/v1/me")).json()
    for answer in (ours, theirs):
        assert answer.status_code == 403
        assert "Another account of Muster has your name" in answer.text
    assert again.status_code == 200
    assert me["name"] == "mei"


UNWELCOME: tuple[tuple[dict[str, Any], str], ...] = (
    ({"groups": ["nowhere"]}, "The rule for your group cannot be applied"),
    ({"preferred_username": "王梅"}, "cannot name an account"),
    ({"preferred_username": None}, "cannot name an account"),
    ({"preferred_username": "\ud800"}, "cannot name an account"),
    ({"groups": None}, "None of your groups"),
    ({"groups": [7, {"power": 1}]}, "None of your groups"),
)


async def test_who_cannot_be_let_in_is_told_why(stage: Stage) -> None:
    """And nothing is made of them."""
    async with asking(stage.app) as client:
        for person, told in UNWELCOME:
            with stage.provider.lying():
                stage.provider.person |= person
                answer = await stage.sign_on(client)
            assert answer.status_code == 403, person
            assert told in answer.text
    assert stage.rows("select name from registry.user_account where issuer is not null") == []


async def test_two_first_sign_ins_at_once_are_one_account(stage: Stage) -> None:
    """Both get in, as the same person."""
    async with asking(stage.app) as one, asking(stage.app) as other:
        ways = [await stage.leave(client) for client in (one, other)]
        answers = await asyncio.gather(one.get(ways[0]), other.get(ways[1]))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert stage.rows("select name from registry.user_account where issuer is not null") == [
        ("mei",)
    ]


async def test_a_disabled_account_stays_out(stage: Stage) -> None:
    """Whatever its groups say: an administrator's word is the last."""
    async with asking(stage.app) as client:
        await stage.sign_on(client)
        stage.rows(
            "update registry.user_account set disabled_at = now() where name = 'mei' returning 1"
        )
        answer = await stage.sign_on(client)
    assert answer.status_code == 403
    assert "out of force" in answer.text


async def test_what_the_provider_keeps_is_not_changed_here(stage: Stage, house: World) -> None:
    """Neither password nor second factor, by them or an administrator, nor the role by hand; but
    they are taken out of force, and nobody signs in as them with a password."""
    async with asking(stage.app) as client:
        await stage.sign_on(client)
        own = [
            await client.put("/api/v1/me/password", json={"current": "x", "new": "y" * 20}),
            await client.post("/api/v1/me/second-factor"),
        ]
        guessed = await sign_in(client, "mei", "")
        guessed_too = await sign_in(client, "mei", "any")
    async with asking(stage.app, house.keys["admin"]) as admin:
        their = [
            await admin.post("/api/v1/users/mei/password", json={}),
            await admin.patch(
                "/api/v1/users/mei", json={"role": "admin"}, headers={"If-Match": '"1"'}
            ),
        ]
        out = await admin.patch(
            "/api/v1/users/mei", json={"disabled": True}, headers={"If-Match": '"1"'}
        )
    assert [answer.json()["code"] for answer in own + their] == ["signs_in_elsewhere"] * 4
    assert {guessed.status_code, guessed_too.status_code} <= {401, 422}
    assert out.json()["disabled_at"] is not None


async def test_a_sign_in_goes_on_here_and_nowhere_else(stage: Stage) -> None:
    """Whatever the link said that somebody came by."""
    async with asking(stage.app) as client:
        for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
            answer = await stage.sign_on(client, elsewhere)
            assert 'content="0; url=/"' in answer.text
            assert "evil" not in answer.text


async def test_signing_out_leads_on_to_the_provider(stage: Stage) -> None:
    """Of who came from it, for as long as it can be asked; not of others."""
    async with asking(stage.app) as client:
        await stage.sign_on(client)
        out = await client.post("/signout")
        after = await client.get("/api/v1/me")
        await sign_in(client)
        local = await client.post("/signout")
    assert (
        f"{stage.provider.issuer}/leave?client_id=muster&amp;post_logout_redirect_uri=" in out.text
    )
    assert after.status_code == 401
    assert (local.status_code, local.headers["location"]) == (303, "/signin")


async def test_a_password_signs_in_where_no_plain_line_may_carry_a_session(stage: Stage) -> None:
    """Plain HTTP under another name than the machine's own begins nothing."""
    async with asking(stage.app, base="http://muster.example") as client:
        answer = await client.get("/signin/provider")
    assert answer.status_code == 409
    assert "set-cookie" not in answer.headers


def test_every_fault_of_the_settings_is_told_at_once(tmp_path: Path) -> None:
    """Those of the file of groups among them, each by its rule."""
    mapping = tmp_path / "groups.json"
    rules = [
        {"group": "a", "role": "operator"},
        {"group": "b", "role": "admin", "region": 320000},
        {"group": "a", "role": "scraper"},
        {"group": "c", "role": "client_viewer"},
        {"group": "d", "role": "agent", "group_client": TRANSIT},
    ]
    mapping.write_text(json.dumps(rules), "utf-8")
    given = {
        "MUSTER_OIDC_ISSUER": "http://id.example",
        "MUSTER_OIDC_SCOPES": "profile",
        "MUSTER_OIDC_MAPPING": str(mapping),
        "MUSTER_PUBLIC_URL": "https://muster.example/console",
    }
    with pytest.raises(SettingsInvalid) as caught:
        load(given, beside=mapping_faults)
    assert caught.value.faults == [
        "MUSTER_OIDC_ISSUER: must be an https:// address (http:// on loopback alone) and no more",
        "MUSTER_OIDC_MAPPING: rule 1: operator needs a region",
        "MUSTER_OIDC_MAPPING: rule 2: admin has no region",
        "MUSTER_OIDC_MAPPING: rule 3: an earlier rule decides for this group",
        "MUSTER_OIDC_MAPPING: rule 3: scraper is a role for programs",
        "MUSTER_OIDC_MAPPING: rule 4: client_viewer needs a group_client",
        "MUSTER_OIDC_MAPPING: rule 5: agent has no group_client",
        "MUSTER_OIDC_SCOPES: must hold openid",
        "MUSTER_PUBLIC_URL: must end with the host: the console is at the root of it",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{}", "Input should be a valid array"),
        ("[]", "has no rule"),
        ('[{"group": "a", "role": "king"}]', "rule 1, role: Input should be"),
        ('[{"group": "a", "role": "admin", "x": 1}]', "rule 1, x: Extra inputs are not permitted"),
        ("nonsense", "Invalid JSON"),
    ],
)
def test_a_file_of_groups_that_is_none_is_told(tmp_path: Path, text: str, fault: str) -> None:
    """What is wrong, and in which rule."""
    path = tmp_path / "groups.json"
    path.write_text(text, "utf-8")
    [told] = mapping_faults({"oidc_mapping": str(path)})
    assert fault in told


def test_half_a_sign_on_is_refused() -> None:
    """What is missing is named."""
    with pytest.raises(SettingsInvalid, match="sign-on needs PUBLIC_URL, OIDC_CLIENT_ID, OIDC_MAP"):
        load({"MUSTER_OIDC_ISSUER": "https://id.example/"})
