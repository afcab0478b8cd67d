"""The console's words: English in the source, other languages in `locale/*.po`, read at start."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LOCALES = Path(__file__).parent / "locale"
DOMAIN = "console"


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the console: `code` as in its cookie, `tag` as in HTML (BCP 47)."""

    code: str
    tag: str
    locale: Locale
    translations: NullTranslations

    def titled(self, item: object) -> str:
        """The title or name that a thing of the trade has in this language."""
        for field in ("title", "name"):
            text = getattr(item, f"{field}_{self.code}", None)
            if text is not None:
                return str(text)
        raise TypeError(f"{type(item).__name__} has no title in {self.code}")


def po_file(locale: str) -> Path:
    """Where the catalogue of a locale lies."""
    return LOCALES / locale / "LC_MESSAGES" / f"{DOMAIN}.po"


def load() -> dict[str, Language]:
    """The languages of the console by their code."""
    chinese = Locale("zh", "CN", script="Hans")
    return {
        "en": Language("en", "en", Locale("en"), NullTranslations()),
        "zh": Language("zh", "zh-CN", chinese, _compiled(chinese)),
    }


def choose(languages: Iterable[str], wanted: str | None, accepted: str) -> str:
    """The language of a visitor: their own choice, else the best of Accept-Language, else en."""
    known = list(languages)
    if wanted in known:
        return wanted
    return negotiate_locale(_preferred(accepted), known, sep="-") or "en"


def _preferred(accepted: str) -> list[str]:
    """The languages of an Accept-Language header, most wanted first (RFC 9110, 12.5.4)."""
    weighted: list[tuple[float, str]] = []
    for part in accepted[:200].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((float(weight or 1), tag))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighted, key=lambda w: -w[0]) if tag and weight > 0]


@cache
def _compiled(locale: Locale) -> Translations:
    with po_file(str(locale)).open("rb") as source:
        catalogue = read_po(source, locale=locale, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, DOMAIN)
