"""Pages from templates, in the reader's language; every value is escaped."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from babel import Locale
from babel.dates import format_timedelta
from babel.numbers import format_compact_decimal, format_decimal, format_percent
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.console import (
    access,
    alarm_words,
    binding_words,
    catalogue,
    channel_words,
    diagnosis_words,
    evidence,
    export_words,
    file_words,
    findings,
    glossary,
    platform_words,
    profile_words,
    reasons,
    records,
    rule_words,
    sim_words,
    supervision_words,
    words,
)
from api.console.assets import Assets
from api.console.catalogue import Language

_TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE_COOKIE = "muster_language"
THEME_COOKIE = "muster_theme"
DENSITY_COOKIE = "muster_density"
_THEMES = ("light", "dark")
_COMFORTABLE = "comfortable"


@dataclass(frozen=True, slots=True)
class Renderer:
    """The console's templates, ready in every language."""

    assets: Assets
    languages: dict[str, Language]
    environments: dict[str, Environment]

    @classmethod
    def prepare(cls, assets: Assets) -> "Renderer":
        """Read catalogues and templates once."""
        languages = catalogue.load()
        environments = {code: _environment(lang, assets) for code, lang in languages.items()}
        return cls(assets, languages, environments)

    def language(self, request: Request) -> Language:
        """The language that this visitor reads."""
        chosen = request.cookies.get(LANGUAGE_COOKIE)
        accepted = request.headers.get("accept-language", "")
        return self.languages[catalogue.choose(self.languages, chosen, accepted)]

    def page(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A template as the answer to a request; what it says was refused, the witness hears."""
        if values.get("problem"):
            request.state.problem = values["problem"]
        language = self.language(request)
        theme = request.cookies.get(THEME_COOKIE)
        text = self.environments[language.code].get_template(template).render(
            here=_here(request),
            now=datetime.now(UTC),
            request_id=request.state.request_id,
            theme=theme if theme in _THEMES else None,
            is_comfortable=request.cookies.get(DENSITY_COOKIE) == _COMFORTABLE,
            with_query=_query_changer(request),
            **values,
        )  # fmt: skip
        headers = {"Content-Language": language.tag, "Vary": "Cookie, Accept-Language"}
        return HTMLResponse(text, status, headers)


def _environment(language: Language, assets: Assets) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        language.translations, newstyle=True
    )
    environment.globals |= {
        "language": language,
        "words": words,
        "access": access,
        "records": records,
        "sim_words": sim_words,
        "file_words": file_words,
        "binding_words": binding_words,
        "supervision_words": supervision_words,
        "channel_words": channel_words,
        "export_words": export_words,
        "diagnosis_words": diagnosis_words,
        "evidence": evidence,
        "alarm_words": alarm_words,
        "rule_words": rule_words,
        "reasons": reasons,
        "findings": findings,
        "glossary": glossary.TERMS,
        "platform_words": platform_words,
        "profile_words": profile_words,
        "asset": assets.address,
    }
    locale = language.locale

    def unit(code: str) -> str:
        return words.UNITS.get(code, code)

    def number(value: float) -> str:
        return _decimal(value, locale)

    def about(value: float) -> str:
        """Two or three figures of a large number, in words where the language has them."""
        # Of Chinese, babel knows the one form only, which is in words.
        form: Literal["long", "short"] = (
            "long" if "long" in locale.compact_decimal_formats else "short"
        )
        return format_compact_decimal(value, format_type=form, fraction_digits=1, locale=locale)

    def percent(share: float) -> str:
        """Rounded down, so that only all of them are 100 %."""
        return format_percent(math.floor(share * 1000) / 1000, format="0.#%", locale=locale)

    def duration(seconds: float) -> str:
        return format_timedelta(
            timedelta(seconds=seconds), threshold=1.5, format="short", locale=locale
        )

    def ago(instant: datetime) -> str:
        age = instant - datetime.now(UTC)
        return format_timedelta(
            age,
            granularity="second",
            threshold=1,
            add_direction=True,
            format="short",
            locale=locale,
        )

    for shown in (language.titled, iso, unit, number, about, percent, duration, ago):
        environment.filters[shown.__name__] = shown
    return environment


@lru_cache(maxsize=4096)
def _decimal(value: float, locale: Locale) -> str:
    pattern = "#,##0.####" if abs(value) < 10 else "#,##0.##"
    return format_decimal(value, format=pattern, locale=locale)


def iso(instant: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond, as a browser reads it."""
    text = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _here(request: Request) -> str:
    """Where a visitor comes back to: this address, or the page whose form led here."""
    if request.method != "GET":
        origin = urlsplit(request.headers.get("referer", ""))
        is_ours = origin.netloc == request.headers.get("host")
        return origin.path if is_ours and origin.path else "/"
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path + query


def _query_changer(request: Request) -> Callable[..., str]:
    """A function for templates: this address with some of its query changed, None taken out."""

    def changed(**changes: object) -> str:
        query = {**request.query_params, **changes}
        kept = {name: value for name, value in query.items() if value not in (None, "")}
        return request.url.path + (f"?{urlencode(kept)}" if kept else "")

    return changed
