"""How large the simulated fleet is."""

from pathlib import Path

from deploy.cli.stack import fleet_of
from deploy.embedded.home import Home


def test_a_fleet_stays_as_large_as_it_was(tmp_path: Path) -> None:
    """A later `muster up` leaves none of its terminals silent; another size is had by asking."""
    home = Home(tmp_path)
    assert fleet_of(home, None) == 200
    (tmp_path / "fleet.jsonl").write_text("{}\n" * 300, "utf-8")
    assert (fleet_of(home, None), fleet_of(home, 12), fleet_of(home, 0)) == (300, 12, 0)
