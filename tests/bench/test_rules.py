"""The benchmark of rules counts each reading that is beyond one."""

import pytest

from deploy.bench import rules
from deploy.bench.rules import Plan


@pytest.mark.timeout(600)
def test_every_reading_beyond_a_rule_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one rule and with none; what raises alarms is told beside the rates."""
    monkeypatch.setattr(rules, "BEYOND", {"none": None, "seldom": 0.05, "often": 0.2})
    result = rules.run(Plan(rounds=1, messages=2000, terminals=20), lambda _: None)

    assert [figure["goal"] for figure in result["figures"]] == ["P2", "P2"]
    [none], [seldom], [often] = result["turns"].values()
    assert (none["beyond"], none["alarms"]) == (0, 0)
    assert 0 < seldom["beyond"] < often["beyond"] < 2000
    assert 0 < often["alarms"] <= often["beyond"]
