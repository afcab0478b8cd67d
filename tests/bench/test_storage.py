"""The benchmark of storage reads back everything that it had compressed."""

import pytest

from deploy.bench import storage
from deploy.bench.storage import EditionCannot, Plan
from deploy.embedded.postgres import Cluster


@pytest.mark.timeout(900)
def test_what_is_compressed_is_smaller_and_read_as_it_was(licensed_server: str) -> None:
    """Both ways of keeping numbers, and what comes late and again."""
    result = storage.run(Plan(terminals=50, hours=4, late=50), licensed_server, lambda _: None)

    assert result["wrong"] == []
    for one in result["profiles"].values():
        assert one["bytes_a_message"]["compressed"] < one["bytes_a_message"]["plain"] / 2


def test_a_server_that_does_not_compress_is_refused(cluster: Cluster) -> None:
    """Before anything is made on it."""
    with pytest.raises(EditionCannot):
        storage.run(Plan(), cluster.dsn(), lambda _: None)
