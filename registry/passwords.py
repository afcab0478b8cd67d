"""People's passwords: argon2id in a small pool of threads, so that sign-ins never hold the rest."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from registry.errors import PasswordTooShort

_LENGTHS = range(12, 257)
# OWASP ASVS 5, appendix C: m = 46 MiB, t = 1, p = 1
_hashing = PasswordHash((Argon2Hasher(memory_cost=47_104, time_cost=1, parallelism=1),))
_threads = ThreadPoolExecutor(2, "passwords")


async def hashed(password: str) -> str:
    """What is kept of a new password; PasswordTooShort if it is that, or endless."""
    if len(password) not in _LENGTHS:
        raise PasswordTooShort(field="password")
    return await asyncio.get_running_loop().run_in_executor(_threads, _hashing.hash, password)


async def matches(password: str, kept: str | None) -> bool:
    """Whether it is the password; takes as long, and says no, where none is kept."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _matches, password, kept)


def _matches(password: str, kept: str | None) -> bool:
    if len(password) >= _LENGTHS.stop:
        return False
    nobodys = _nobodys()
    return _hashing.verify(password, kept or nobodys) and kept is not None


@cache
def _nobodys() -> str:
    return _hashing.hash("nobody's password")
