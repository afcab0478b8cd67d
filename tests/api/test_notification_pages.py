"""Who is told of alarms, in the console: what is filled in, kept, and changed."""

from uuid import uuid4

from api.app import create_app
from foundation.settings import Settings
from tests.api.conftest import asking
from tests.api.test_alarm_pages import beside
from tests.api.test_sign_in import sign_in
from tests.api.world import World


async def test_wishes_are_changed_and_what_was_filled_in_is_kept(house: World) -> None:
    """Of a channel and of one's own: quiet hours, digest; what is wrong beside its field."""
    wishes = {"severities": ["critical", "major"], "events": ["opened"], "urgent": ["critical"],
              "digest": "900", "quiet_from": "22:00", "quiet_to": "07:00",
              "time_zone": "Asia/Shanghai", "language": "en"}  # fmt: skip
    new = {"name": "duty", "kind": "mail", "address": "duty@example.org"}
    settings = {
        "database_url": house.database.api,
        "second_factor": "off",
        "secret_key": uuid4().hex,
    }
    app = create_app(Settings.model_validate(settings))
    async with app.router.lifespan_context(app), asking(app) as client:
        await sign_in(client)
        made = (await client.post("/notifications/new", data=new | wishes)).headers["location"]
        form = (await client.get(f"{made}/change")).text
        half = await client.post(f"{made}/change", data=wishes | {"quiet_to": ""})
        await client.post(f"{made}/change", data=wishes | {"digest": "0", "version": "1"})
        late = await client.post(f"{made}/change", data=wishes | {"version": "1"})
        page = (await client.get(made)).text
        own = await client.post("/account/notifications/sms", data=wishes | {"address": "abc"})
        told = "/account/notifications/mail"
        await client.post(told, data=wishes | {"address": "ada@example.org"})
        await client.post(f"{told}/standing", data={"enabled": "no"})
        await client.post(f"{told}/test")
        mine = (await client.get("/api/v1/me/notifications")).json()["items"]
    assert 'value="22:00"' in form
    assert '<option value="900" selected>every 15 min</option>' in form
    assert (half.status_code, beside(half.text)) == (422, "quiet_from")
    assert late.status_code == 412
    assert "each at once · quiet from 22:00 to 07:00 (Asia/Shanghai)" in page
    assert (own.status_code, beside(own.text)) == (422, "address")
    assert own.text.count('value="900" selected') == 1
    assert [(one["kind"], one["enabled"], one["digest_seconds"]) for one in mine] == [
        ("mail", False, 900)
    ]
