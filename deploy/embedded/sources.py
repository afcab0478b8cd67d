"""The machine's own apt sources, rewritten to name another release of Debian; pure text to text.

The mirror and the keyring stay the machine's; only the suite changes (`bookworm-security` becomes
`trixie-security`). Formats: `sources.list(5)`, one line or deb822.
"""

import re
from collections.abc import Iterable

DEBIAN_SUITES = ("bookworm", "trixie", "oldstable", "stable")
KEPT_POCKETS = ("", "-updates", "-security")  # backports and proposed updates are left alone

_LINE = re.compile(
    r"^deb\s+(?P<options>\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.+)$"
)


def rewritten(texts: Iterable[tuple[str, str]], suite: str) -> str:
    """deb822 stanzas for `suite` from every Debian source in `texts` (file name, content)."""
    stanzas: list[str] = []
    for name, text in texts:
        found = _from_deb822(text, suite) if name.endswith(".sources") else _from_lines(text, suite)
        stanzas += [stanza for stanza in found if stanza not in stanzas]
    return "\n\n".join(stanzas) + "\n" if stanzas else ""


def _from_lines(text: str, suite: str) -> list[str]:
    stanzas = []
    for line in text.splitlines():
        match = _LINE.match(line.partition("#")[0].strip())
        if not match:
            continue
        suites = _renamed([match["suite"]], suite)
        if not suites or "main" not in match["rest"].split():
            continue
        fields = {"Types": "deb", "URIs": match["uri"], "Suites": suites[0], "Components": "main"}
        for option in (match["options"] or "").strip("[] \t").split():
            key, _, value = option.partition("=")
            if key.lower() == "signed-by":
                fields["Signed-By"] = value
        stanzas.append("\n".join(f"{key}: {value}" for key, value in fields.items()))
    return stanzas


def _from_deb822(text: str, suite: str) -> list[str]:
    stanzas = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        fields = _fields(block)
        suites = _renamed(fields.get("suites", "").split(), suite)
        if (
            not suites
            or "deb" not in fields.get("types", "").split()
            or "main" not in fields.get("components", "").split()
            or fields.get("enabled", "yes").strip().lower() == "no"
        ):
            continue
        kept = [
            "Types: deb",
            f"URIs: {fields['uris'].strip()}",
            f"Suites: {' '.join(suites)}",
            "Components: main",
        ]
        if "signed-by" in fields:  # a path, or a whole key on continuation lines: kept as it stands
            kept.append(f"Signed-By:{fields['signed-by']}")
        stanzas.append("\n".join(kept))
    return stanzas


def _fields(block: str) -> dict[str, str]:
    """Field names in lower case to their text, continuation lines included."""
    fields: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in {" ", "\t"} and name:
            fields[name] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value
    return fields


def _renamed(suites: list[str], to: str) -> list[str]:
    """The Debian suites among `suites` with their release replaced, pockets kept."""
    renamed = []
    for one in suites:
        # `bookworm/updates` was the security suite's name up to Debian 10; nobody has it any more.
        base, dash, pocket = one.partition("-")
        if base in DEBIAN_SUITES and dash + pocket in KEPT_POCKETS:
            renamed.append(to + dash + pocket)
    return renamed
