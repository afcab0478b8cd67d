"""The spool's file: what was written is there, in order, whatever happens to the file."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker_bridge.parcels import pack, unpack
from broker_bridge.session import Delivery
from broker_bridge.spool import FILE, Spool, SpoolFull, SpoolTaken, SpoolUnusable

PLENTY = 2**40
PAGE = 16_384


def delivery(number: int, size: int = 100) -> Delivery:
    """A message that tells its number."""
    payload = b"%d" % number + b"x" * size
    return Delivery(f"m2m/v1/T-{number % 7}/telemetry", payload, 1, False, number, 0, None)


@contextmanager
def opened(directory: Path, max_bytes: int = PLENTY, min_free_bytes: int = 0) -> Iterator[Spool]:
    """A spool, open."""
    spool = Spool(directory, max_bytes=max_bytes, min_free_bytes=min_free_bytes)
    spool.open()
    try:
        yield spool
    finally:
        spool.close()


def fill(spool: Spool, parcels: int, size: int = 100, first: int = 1) -> None:
    """So many parcels of three messages each."""
    for number in range(first, first + parcels):
        spool.append(number, pack([delivery(3 * number + k, size) for k in range(3)]))


def numbers(spool: Spool) -> list[int]:
    """The numbers of the parcels in it."""
    return [kept.number for kept in spool.read(PLENTY)]


def test_parcels_come_back_in_order_and_are_gone_when_removed(tmp_path: Path) -> None:
    """Over closing and opening; the figures follow."""
    with opened(tmp_path) as spool:
        fill(spool, 5)
        assert (spool.messages, spool.oldest_us) == (15, 3)
    with opened(tmp_path) as spool:
        assert (spool.messages, spool.oldest_us) == (15, 3)
        assert [kept.number for kept in spool.read(6)] == [1, 2]
        assert [kept.number for kept in spool.read(1)] == [1]
        found = [d for kept in spool.read(PLENTY) for d in unpack(kept.parcel).deliveries]
        assert [d.received_us for d in found] == list(range(3, 18))
        spool.remove(3)
        assert (spool.messages, spool.oldest_us, numbers(spool)) == (6, 12, [4, 5])
        spool.remove(5)
        assert (spool.messages, spool.bytes, spool.oldest_us) == (0, 0, None)
        assert spool.read(1) == []


def test_a_full_spool_refuses_and_takes_again_once_there_is_room(tmp_path: Path) -> None:
    """By its own bound, which the file keeps, and by what must stay free on the disk."""
    with opened(tmp_path, max_bytes=2_000_000) as spool:
        with pytest.raises(SpoolFull):
            fill(spool, 100, size=10_000)
        assert spool.is_full
        assert spool.bytes <= 2_000_000 < spool.bytes + 31_000
        spool.remove(10)
        fill(spool, 5, size=10_000, first=1000)
        assert not spool.is_full
    with opened(tmp_path, min_free_bytes=2**60) as spool, pytest.raises(SpoolFull):
        fill(spool, 1, first=2000)


def test_an_emptied_spool_gives_its_disk_back(tmp_path: Path) -> None:
    """After a long outage the file is small again."""
    with opened(tmp_path) as spool:
        fill(spool, 30, size=400_000)
        spool.remove(30)
        assert (tmp_path / FILE).stat().st_size < 1_000_000


def test_two_bridges_cannot_share_a_spool(tmp_path: Path) -> None:
    """The second is told so, and what is no directory is told, too."""
    with opened(tmp_path), pytest.raises(SpoolTaken), opened(tmp_path):
        pass
    (tmp_path / "file").write_text("here")
    with pytest.raises(SpoolUnusable), opened(tmp_path / "file"):
        pass


def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    """Every parcel that a killed process said it had written is there, whole and in order."""
    script = (
        "import sys; from pathlib import Path\n"
        "from tests.broker_bridge.test_spool import opened, fill\n"
        "with opened(Path(sys.argv[1])) as spool:\n"
        "    for k in range(1, 10**6):\n"
        "        fill(spool, 1, size=5000, first=k); print(k, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        said += [int(line) for line in process.stdout.read().splitlines()]

    with opened(tmp_path) as spool:
        found = numbers(spool)
        assert found[: len(said)] == said
        assert all(not unpack(kept.parcel).damaged for kept in spool.read(PLENTY))


@pytest.mark.parametrize("where", range(12))
def test_a_damaged_file_is_set_aside_and_what_can_be_read_is_kept(
    tmp_path: Path, where: int
) -> None:
    """A page of zeros anywhere: nothing is fatal, nothing is invented, the evidence stays."""
    with opened(tmp_path) as spool:
        fill(spool, 30, size=3_000)
        before = {kept.number: kept.parcel for kept in spool.read(PLENTY)}
    file = tmp_path / FILE
    pages = file.stat().st_size // PAGE
    with file.open("r+b") as damaged:
        damaged.seek(where * pages // 12 * PAGE)
        damaged.write(bytes(PAGE))

    with opened(tmp_path) as spool:
        kept = spool.read(PLENTY)
        found = [one for one in kept if before[one.number] == one.parcel]
        assert len(found) < len(before)
        assert [one.number for one in kept] == sorted(one.number for one in kept)
        for one in kept:
            if one not in found:
                spool.put_aside(one, "changed")
        spool.append(1000, pack([delivery(1)]))
        assert numbers(spool)[-1] == 1000
        assert list(tmp_path.glob("damaged-*"))


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    """The bridge starts all the same."""
    (tmp_path / FILE).write_bytes(b"not a database" * 2000)

    with opened(tmp_path) as spool:
        fill(spool, 1)
        assert numbers(spool) == [1]
        assert [path.read_bytes()[:5] for path in tmp_path.glob(f"damaged-*/{FILE}")] == [b"not a"]
