"""Dashboards ask for what is there: each PromQL is understood, each SQL runs as its role."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from api.exposition import AGGREGATES, FAMILIES
from deploy.embedded import check_tools
from tests.api.conftest import built_world, house  # noqa: F401 - fixtures of these tests, too
from tests.api.world import World

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((SHIPPED / "dashboards").glob("*.json"))
SOURCES = yaml.safe_load((SHIPPED / "provisioning/datasources/muster.yml").read_text("utf-8"))
# What Prometheus makes itself.
_ITS_OWN = {"up", "ALERTS", "scrape_duration_seconds"}
_FILLED = {
    "$__rate_interval": "5m",
    "$group_client": "GC-1",
    "$terminal": ".*",
    "$reading": "muster_reading_voltage_a_volts",
    "$sector": ".*",
    "$province": ".*",
}
_FILLED_SQL = {
    "${terminal:sqlstring}": "'METER-1'",
    "${profile:sqlstring}": "'smart_meter'",
    "${profile:raw}": "smart_meter",
    "${metric:raw}": "voltage_a",
}


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def asked(path: Path, kind: str) -> Iterator[str]:
    """Everything that a dashboard asks a data source, as it is written."""
    dashboard = document(path)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            if kind in target:
                yield target[kind]
    for variable in dashboard["templating"]["list"]:
        query = variable.get("query")
        if kind == "rawSql" and isinstance(query, str) and variable["type"] == "query":
            yield query
        if kind == "expr" and isinstance(query, dict):
            yield re.sub(r"^label_values\((.*), \w+\)$", r"\1", query["query"])


def filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def known() -> set[str]:
    """Every series there is: of processes, of clients, recorded."""
    page = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
    plain = set()
    for name, kind in re.findall(r"^\| `(muster_\w+)[^|]*\| (\w+) \|", page, re.MULTILINE):
        endings = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        plain |= {name + ending for ending in endings}
    rules = (ROOT / "deploy/prometheus/rules/recording.yml").read_text("utf-8")
    recorded = set(re.findall(r"- record: (\S+)", rules))
    return plain | recorded | {*FAMILIES} | _ITS_OWN


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_series_that_is_asked_for_is_there(path: Path) -> None:
    """In the reference or among the recorded ones; readings are called as clients' metrics are."""
    names = set()
    for expr in asked(path, "expr"):
        text = re.sub(r'"[^"]*"', "", filled(expr, _FILLED))
        names |= set(re.findall(r"(?:\w+:)?muster[\w:]*|\bALERTS\b|\bup\b", text))
    readings = ("muster_reading_", *AGGREGATES)

    assert {name for name in names - known() if not name.startswith(readings)} == set()


def test_every_promql_is_understood(tmp_path: Path) -> None:
    """promtool takes each, with variables as Grafana fills them in."""
    exprs = sorted({filled(e, _FILLED) for path in DASHBOARDS for e in asked(path, "expr")})
    assert len(exprs) > 40
    rules = [{"record": f"asked:{n}", "expr": expr} for n, expr in enumerate(exprs)]
    file = tmp_path / "asked.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}), "utf-8")
    promtool = check_tools.ensure().promtool
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True)
    assert (done.returncode, "$" in "".join(exprs)) == (0, False), done.stderr


def test_every_sql_runs_as_the_role_of_its_source(house: World) -> None:  # noqa: F811
    """With what Grafana puts in for its macros; each reads only."""
    [source] = [s for s in SOURCES["datasources"] if s["uid"] == "muster-postgres"]
    assert source["user"] == "muster_inspect"
    texts = [text for path in DASHBOARDS for text in asked(path, "rawSql")]
    assert len(texts) > 10
    with psycopg.connect(house.database.inspect, autocommit=True) as conn:
        conn.execute("set muster.everything = 'on'")  # as `migrate` has it for this role
        conn.execute("set default_transaction_read_only = on")
        for text in texts:
            query = re.sub(
                r"\$__timeFilter\(([^()]+)\)",
                r"\1 between now() - interval '1 day' and now()",
                filled(text, _FILLED_SQL),
            )
            assert "$" not in query
            conn.execute(query.encode())


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_provisioned_as_it_is(path: Path) -> None:
    """A stable uid, no inputs to be filled in, sources that are provisioned, panels apart."""
    dashboard = document(path)
    sources = {source["uid"]: source["type"] for source in SOURCES["datasources"]}
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
        for target in panel.get("targets", ()):
            assert sources[target["datasource"]["uid"]] == target["datasource"]["type"]

    assert dashboard["uid"] == f"muster-{path.stem}"
    assert dashboard["editable"] is False
    assert "__inputs" not in dashboard
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
