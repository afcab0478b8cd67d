"""The console about files of clients: a way there, templates, verdicts in both languages."""

import pytest
from fastapi import FastAPI

from tests.api.conftest import asking
from tests.api.test_sign_in import sign_in
from tests.api.world import POWER, World
from tests.registry.imports_ground import worked

FILE = f"客户编码,客户名称,上级客户\n{POWER},苏州电力,\nloop,一圈,loop\n"


async def test_clients_come_by_the_file_from_their_list(house: World, app: FastAPI) -> None:
    """From the link in the list to what would change of whom, and on to the client changed."""
    async with asking(app) as client:
        await sign_in(client)
        listed = (await client.get("/group-clients")).text
        form = (await client.get("/imports/new?kind=clients")).text
        sent = await client.post(
            "/imports", data={"kind": "clients"}, files={"file": ("s.csv", FILE.encode())}
        )
        await worked(house.database)
        page = sent.headers["location"]
        checked = (await client.get(page)).text
        chinese = (await client.get(page, headers={"Accept-Language": "zh-CN"})).text
        await client.post(f"{page}/application")
        await worked(house.database)
        applied = (await client.get(page)).text
        changed = (await client.get(f"/group-clients/{POWER}")).text

    assert 'href="/imports/new?kind=clients"' in listed
    assert 'href="/imports/export/clients?form=xlsx"' in listed
    assert '<option value="clients" selected>' in form
    assert "1 of 2 rows will fail." in checked
    assert "This changes; it is on the roll with: 苏州示例电力." in checked
    assert "将变更；库中现为：苏州示例电力。" in chinese
    assert f'href="/group-clients/{POWER}"' in applied
    assert "苏州电力" in changed


@pytest.mark.parametrize(("kind", "title"), [("clients", "客户编码"), ("assignments", "集团客户")])
async def test_a_template_has_the_titles_of_its_kind(
    house: World, app: FastAPI, kind: str, title: str
) -> None:
    """In the reader's language, with a row of examples."""
    async with asking(app) as client:
        await sign_in(client)
        english = (await client.get(f"/imports/template/{kind}")).text
        chinese = (
            await client.get(f"/imports/template/{kind}", headers={"Accept-Language": "zh-CN"})
        ).text

    assert english.lstrip("\ufeff").startswith(("code,name,parent", "group_client,role,person"))
    assert chinese.lstrip("\ufeff").startswith(title)
    assert len(chinese.splitlines()) == 2
