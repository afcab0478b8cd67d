"""A transformer station that sends the recorded rows of ETTh1.csv, as they stand, at today's hours.

Data: ETDataset by Haoyi Zhou and others, CC BY-ND 4.0 (see `data/README.md`). Rows are never
interpolated or scaled: within an hour the station repeats the row of that hour.
"""

import csv
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from deploy.simulator.curves import Values
from deploy.simulator.curves.day import local_seconds

SOURCE = Path(__file__).parent.parent / "data" / "ETTh1.csv"
COLUMNS = {
    "HUFL": "high_useful_load_mw",
    "HULL": "high_useless_load_mvar",
    "MUFL": "middle_useful_load_mw",
    "MULL": "middle_useless_load_mvar",
    "LUFL": "low_useful_load_mw",
    "LULL": "low_useless_load_mvar",
    "OT": "oil_temperature_c",
}
_FIRST_HOUR = int(datetime(2016, 7, 1, tzinfo=UTC).timestamp()) // 3600
_WEEK_HOURS = 168
_YEAR_WEEKS = 52


@lru_cache(maxsize=1)
def rows() -> tuple[Values, ...]:
    """Every row of the file in order, hourly from 2016-07-01 00:00, under our metric names."""
    with SOURCE.open(newline="", encoding="ascii") as file:
        return tuple(
            {ours: float(row[theirs]) for theirs, ours in COLUMNS.items()}
            for row in csv.DictReader(file)
        )


def row_number(seed: int, at: datetime) -> int:
    """The row (from 0) that a station sends at `at`: one of the same weekday, hour and season.

    Whole weeks of the file are replayed in a loop; a seed starts up to 7 weeks, or a year and up
    to 7 weeks, further on, so that stations differ.
    """
    weeks = len(rows()) // _WEEK_HOURS
    ahead = seed % 8 + _YEAR_WEEKS * (seed // 8 % 2)
    hours = int(local_seconds(at)) // 3600 - _FIRST_HOUR + ahead * _WEEK_HOURS
    return hours % (weeks * _WEEK_HOURS)


def curve(seed: int, at: datetime) -> Values:
    """The row of the hour."""
    return rows()[row_number(seed, at)]
