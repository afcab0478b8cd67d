"""What is sealed opens at its place with its key, and nowhere else."""

import pytest

from foundation import settings
from foundation.sealing import SealBroken, Sealing
from foundation.settings import SettingsInvalid

OLD, NEW = "n8XJ2f0o1VZbq7Lr5sKd9uWc3hTy6gMa", "Qm4xB7zR1tLk9vHc2sJd5nPf8wYg3uEo"
PLACE = "user_account/7"


def test_what_is_sealed_opens_at_its_place() -> None:
    """And is not to be read as it lies; the same thing never looks the same twice."""
    sealing = Sealing([NEW])
    first, second = sealing.seal(b"secret", PLACE), sealing.seal(b"secret", PLACE)

    assert sealing.open(first, PLACE) == sealing.open(second, PLACE) == b"secret"
    assert b"secret" not in first
    assert first != second


def test_moved_changed_or_under_another_key_it_does_not_open() -> None:
    """In another row, with a bit turned, cut short, or with a key that is not its own."""
    sealed = Sealing([NEW]).seal(b"secret", PLACE)
    turned = sealed[:-1] + bytes([sealed[-1] ^ 1])

    for sealing, text, place in (
        (Sealing([NEW]), sealed, "user_account/8"),
        (Sealing([NEW]), turned, PLACE),
        (Sealing([NEW]), sealed[:20], PLACE),
        (Sealing([NEW]), b"", PLACE),
        (Sealing([OLD]), sealed, PLACE),
    ):
        with pytest.raises(SealBroken):
            sealing.open(text, place)


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    """Keys are changed without a moment in which nothing can be read; the old one alone is out."""
    sealed = Sealing([OLD]).seal(b"secret", PLACE)
    both = Sealing([NEW, OLD])

    assert both.open(sealed, PLACE) == b"secret"
    with pytest.raises(SealBroken):
        Sealing([OLD]).open(both.seal(b"secret", PLACE), PLACE)


@pytest.mark.parametrize(
    "key", ["changeme", "", " ", "0" * 64, "secret" * 10, f"{NEW} short", "x" * 31]
)
def test_a_key_that_is_no_secret_is_refused(key: str) -> None:
    """What somebody left as it stood in an example, repeated or short, does not start a process."""
    with pytest.raises(SettingsInvalid, match="MUSTER_SECRET_KEY"):
        settings.load({"MUSTER_SECRET_KEY": key})


def test_a_key_and_the_one_before_it_are_taken() -> None:
    """Separated by blank or line end, as a file holds them."""
    chosen = settings.load({"MUSTER_SECRET_KEY": f"{NEW}\n{OLD}"})

    assert chosen.secret_key is not None
    assert NEW not in repr(chosen)
