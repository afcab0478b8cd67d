"""People's passwords: argon2id in a small pool of threads, so that sign-ins never hold the rest."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from zxcvbn_rs_py import zxcvbn

from registry.errors import PasswordTooPlain, PasswordTooShort, PasswordTooWeak
from registry.rules import Rules

_MOST_BYTES = 256
_ONE_TIME_BYTES = 15
_LEAST_KINDS = 3
_LEAST_SCORE = 3  # of 4: more than 10^8 guesses by somebody who knows how people choose
_PRODUCT = "muster"
# OWASP ASVS 5, appendix C: m = 46 MiB, t = 1, p = 1
_hashing = PasswordHash((Argon2Hasher(memory_cost=47_104, time_cost=1, parallelism=1),))


@cache
def _nobodys() -> str:
    return _hashing.hash("nobody's password")


# Nobody's hash is there before the first password is: else the first unknown name would show.
_threads = ThreadPoolExecutor(2, "passwords", initializer=_nobodys)


def one_time(rules: Rules) -> str:
    """A random password to sign in with once, in characters that need no quoting anywhere."""
    size = max(_ONE_TIME_BYTES, rules.password_min_length)
    while True:
        password = secrets.token_urlsafe(size)
        if not password.startswith("-") and _kinds(password) >= _LEAST_KINDS:
            return password


async def hashed(password: str, rules: Rules, name: str, field: str = "password") -> str:
    """What is kept of a new password of that user; an Invalid naming `field` where it is refused.

    PasswordTooShort, PasswordTooPlain, or PasswordTooWeak for one that is on the lists of those
    that are tried first, a variant of one, a sequence, or made of the user's name.
    """
    if len(password) < rules.password_min_length or len(password.encode()) > _MOST_BYTES:
        raise PasswordTooShort(
            f"A password needs {rules.password_min_length} characters or more,"
            f" and at most {_MOST_BYTES} bytes.",
            field=field,
        )
    if rules.password_composition and _kinds(password) < _LEAST_KINDS:
        raise PasswordTooPlain(field=field)
    if int(zxcvbn(password, [_PRODUCT, name]).score) < _LEAST_SCORE:
        raise PasswordTooWeak(field=field)
    return await asyncio.get_running_loop().run_in_executor(_threads, _hashing.hash, password)


async def check(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Whether it is the password, and what to keep instead where it was hashed as of old.

    Takes as long, and says no, where none is kept.
    """
    return await asyncio.get_running_loop().run_in_executor(_threads, _check, password, kept)


def _check(password: str, kept: str | None) -> tuple[bool, str | None]:
    if len(password.encode()) > _MOST_BYTES:
        return False, None
    matches, fresh = _hashing.verify_and_update(password, kept or _nobodys())
    return matches and kept is not None, fresh


def _kinds(password: str) -> int:
    """How many of the four kinds of character are in it."""
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    return sum(any(kind(character) for character in password) for kind in kinds)
