"""Words: every text of the console is translated, and keeps the places that it is filled at."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from api.console import assets, catalogue
from api.console.rendering import Renderer

CONSOLE = Path(catalogue.__file__).parent
PLACES = re.compile(r"%\(\w+\)s")


def texts() -> set[str]:
    """Every text that templates and code mark."""
    with (CONSOLE / "babel.cfg").open() as settings:
        methods, options = parse_mapping_cfg(settings)  # type: ignore[no-untyped-call]
    found = extract_from_dir(
        CONSOLE, methods, options, keywords={"_": None, "gettext": None, "ngettext": (1, 2)}
    )
    return {message[0] if isinstance(message, tuple) else message for _, _, message, _, _ in found}


def test_every_text_is_translated_and_nothing_else() -> None:
    """No untranslated, doubtful or left-over text in the Chinese catalogue."""
    with catalogue.po_file("zh_Hans_CN").open("rb") as source:
        chinese = read_po(source)
    translated = {
        message.id[0] if isinstance(message.id, tuple) else message.id
        for message in chinese
        if message.id and not message.fuzzy and all(_strings(message.string))
    }
    assert translated == texts()


def test_translations_are_filled_at_the_same_places() -> None:
    """A translation names the same values as its text, or a plural's one of them less."""
    with catalogue.po_file("zh_Hans_CN").open("rb") as source:
        for message in read_po(source):
            if not message.id:
                continue
            known = set(PLACES.findall(" ".join(_strings(message.id))))
            used = set(PLACES.findall(" ".join(_strings(message.string))))
            assert used == known, message.id


@pytest.mark.parametrize("code", ["en", "zh"])
def test_every_template_is_ready_in_every_language(code: str) -> None:
    """No template has a fault that only its first reader would meet."""
    environment = Renderer.prepare(assets.load()).environments[code]
    names = environment.list_templates()
    assert [environment.get_template(name).name for name in names] == names


@pytest.mark.parametrize(("code", "said"), [("en", "25.3 thousand"), ("zh", "2.5万")])
def test_a_large_number_is_said_in_words(code: str, said: str) -> None:
    """In each language as it counts."""
    environment = Renderer.prepare(assets.load()).environments[code]
    assert environment.from_string("{{ 25300|about }}").render() == said


def _strings(value: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [value or ""] if value is None or isinstance(value, str) else list(value)
