"""The machine's apt sources, rewritten to another release."""

from deploy.embedded import sources

INLINE_KEY = """Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY865UxYJ
 -----END PGP PUBLIC KEY BLOCK-----"""


def test_a_one_line_source_keeps_its_mirror_and_its_keyring() -> None:
    """Only the suite changes; options that are not about keys are dropped."""
    text = "deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib # x\n"

    rewritten = sources.rewritten([("sources.list", text)], "trixie")

    assert rewritten == (
        "Types: deb\nURIs: http://mirror.test/debian\nSuites: trixie\n"
        "Components: main\nSigned-By: /k.gpg\n"
    )


def test_pockets_follow_their_release_and_others_stay_away() -> None:
    """Updates and security come along; backports, source packages and strangers do not."""
    text = """
deb http://mirror.test/debian bookworm main
deb http://mirror.test/debian bookworm-updates main
deb http://security.test/debian-security bookworm-security main
deb http://mirror.test/debian bookworm-backports main
deb-src http://mirror.test/debian bookworm main
deb http://stranger.test/apt nodistro main
deb http://mirror.test/debian bookworm contrib
# deb http://old.test/debian bookworm main
"""

    rewritten = sources.rewritten([("sources.list", text)], "trixie")

    suites = [line for line in rewritten.splitlines() if line.startswith("Suites")]
    assert suites == ["Suites: trixie", "Suites: trixie-updates", "Suites: trixie-security"]
    assert "stranger" not in rewritten
    assert "old.test" not in rewritten


def test_a_deb822_source_keeps_every_mirror_and_a_key_written_into_it() -> None:
    """Several suites in one stanza stay one stanza; an inline key survives line by line."""
    text = (
        "# a comment\nTypes: deb deb-src\nURIs: http://one.test/debian http://two.test/debian\n"
        f"Suites: bookworm bookworm-updates bookworm-backports\nComponents: main\n{INLINE_KEY}\n"
    )

    rewritten = sources.rewritten([("debian.sources", text)], "trixie")

    assert rewritten == (
        "Types: deb\nURIs: http://one.test/debian http://two.test/debian\n"
        f"Suites: trixie trixie-updates\nComponents: main\n{INLINE_KEY}\n"
    )


def test_a_disabled_source_is_none() -> None:
    """`Enabled: no` means what it says."""
    text = "Enabled: no\nTypes: deb\nURIs: http://m.test/\nSuites: trixie\nComponents: main\n"

    assert sources.rewritten([("debian.sources", text)], "trixie") == ""


def test_stable_is_debian_under_another_name_and_twins_are_told_once() -> None:
    """A machine that names `stable`, or the same mirror twice, gets one stanza."""
    line = "deb http://mirror.test/debian stable main\n"

    rewritten = sources.rewritten([("sources.list", line), ("again.list", line)], "trixie")

    assert rewritten.count("Suites: trixie") == 1
