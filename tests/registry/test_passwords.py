"""Which passwords are taken, and how they are kept."""

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from foundation.database import Pool, transaction
from foundation.errors import Invalid
from registry import passwords, sessions, users
from registry.errors import PasswordTooPlain, PasswordTooShort, PasswordTooWeak
from registry.rules import DEFAULT, Rules
from registry.scope import Role
from tests.country import everything

GOOD = "four words are enough"


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("", PasswordTooShort),
        ("elevenchars", PasswordTooShort),
        ("x" * 257, PasswordTooShort),
        ("密" * 86, PasswordTooShort),  # 258 bytes
        ("password1234", PasswordTooWeak),
        ("P@ssw0rd2026", PasswordTooWeak),
        ("qwertyuiopas", PasswordTooWeak),
        ("123456789012", PasswordTooWeak),
        ("aaaaaaaaaaaaaaaaaaaa", PasswordTooWeak),
        ("mustermuster", PasswordTooWeak),
        ("wangxiaoming", PasswordTooWeak),  # the own name
        ("changeme1234", PasswordTooWeak),
    ],
)
async def test_what_would_be_tried_first_is_no_password(
    password: str, refusal: type[Invalid]
) -> None:
    """Too short, too long to hash without harm, on a list, a sequence, or the own name."""
    with pytest.raises(refusal) as caught:
        await passwords.hashed(password, DEFAULT, "wangxiaoming", "new")
    assert caught.value.field == "new"


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        " blanks at both ends ",
        "苏州示例电力的一个长密码",
        "e\u0301tudes et accents",
        "nul\0in the middle",
    ],
)
async def test_any_character_counts_as_it_is(password: str) -> None:
    """Nothing is trimmed, folded or cut: the password is these characters and no others."""
    kept = await passwords.hashed(password, DEFAULT, "li")

    assert await passwords.check(password, kept) == (True, None)
    for other in (password.strip() + ".", password.upper() + "x", password[:-1], password + " "):
        assert (await passwords.check(other, kept))[0] is False


async def test_unicode_forms_are_told_apart() -> None:
    """What looks the same and is not, is not the password."""
    kept = await passwords.hashed("les études d'accents", DEFAULT, "li")

    assert not (await passwords.check("les e\u0301tudes d'accents", kept))[0]


async def test_passwords_are_kept_as_argon2id_of_46_mib() -> None:
    """OWASP ASVS 5, appendix C; each with a salt of its own."""
    first, second = [await passwords.hashed(GOOD, DEFAULT, "li") for _ in range(2)]

    assert first.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert first != second


async def test_an_endless_password_is_not_even_hashed() -> None:
    """A megabyte is refused at once, at sign-in, too."""
    kept = await passwords.hashed(GOOD, DEFAULT, "li")

    assert await passwords.check("x" * 1_000_000, kept) == (False, None)


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("four words are enough", False),
        ("FOUR WORDS ARE ENOUGH", False),
        ("Four words are enough", True),
        ("4 words are enough now", True),
        ("fourwordsareenough7", False),
    ],
)
async def test_composition_is_asked_where_the_deployment_asks(password: str, fits: bool) -> None:
    """Three of four kinds of character; off unless switched on."""
    rules = Rules(password_composition=True)
    if fits:
        await passwords.hashed(password, rules, "li")
    else:
        with pytest.raises(PasswordTooPlain):
            await passwords.hashed(password, rules, "li")
    await passwords.hashed(password, DEFAULT, "li")


async def test_the_least_length_is_the_deployments() -> None:
    """And the refusal says what it is."""
    with pytest.raises(PasswordTooShort, match="24 characters"):
        await passwords.hashed(GOOD, Rules(password_min_length=24), "li")


async def test_a_password_that_is_made_fits_the_rules() -> None:
    """However strict they are; no two are the same, and none looks like an option."""
    strict = Rules(password_min_length=64, password_composition=True)
    made = {passwords.one_time(strict) for _ in range(200)}

    assert len(made) == 200
    assert not [password for password in made if password.startswith("-")]
    await passwords.hashed(made.pop(), strict, "li")
    assert len(passwords.one_time(DEFAULT)) >= 20


async def test_what_was_hashed_as_of_old_is_hashed_anew_at_sign_in(pool: Pool) -> None:
    """The password stays; what is kept of it is as strong as today's."""
    old = Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1).hash(GOOD)
    async with transaction(pool, everything.settings()) as conn:
        await users.appoint(conn, everything, name="li", password=GOOD, role=Role.ADMIN)
        await conn.execute("update registry.user_account set password_hash = %s", (old,))
    async with transaction(pool) as conn:
        await sessions.open(conn, "li", GOOD)
        cursor = await conn.execute("select password_hash from registry.find_user('li')")
        row = await cursor.fetchone()
        await sessions.open(conn, "li", GOOD)

    assert row is not None
    assert "m=47104,t=1,p=1" in row["password_hash"]
