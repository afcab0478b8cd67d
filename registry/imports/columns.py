"""What may stand in a file's columns: each cell is brought into one normal form, or refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from registry.identifiers import (
    CreditCode,
    Eid,
    Iccid,
    IdentifierInvalid,
    Imei,
    Imsi,
    Msisdn,
    TerminalCode,
    tac_of,
)
from registry.identifiers import WireName as _WireName

MOST_CELL_CHARACTERS = 4_000

_SPREADSHEET_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?[eE][+-]?\d+")
_WHOLE_WITH_DECIMALS = re.compile(r"(\d+)[.,]0+")
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_MOST_WORDS = 16
_CLIENT_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARTING = re.compile(r"[\s,;，；、]+")


class CellRefused(Exception):
    """A cell cannot be taken; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Odd(NamedTuple):
    """A cell that is taken, though something about it is odd: `code` says what."""

    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Known:
    """What cells may name, read once for a file: the codes of all profiles and regions."""

    profiles: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()


Parse = Callable[[str, Known], str | Odd]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: found by `name` or one of `titles` in a header, `parse` gives the normal form.

    A cell of a `unique` column occurs once in a file; `meaning` is a sentence for the reference.
    """

    name: str
    titles: tuple[str, ...]
    parse: Parse
    meaning: str
    example: str
    required: bool = False
    unique: bool = False
    default: str | None = None


def plain(most: int) -> Parse:
    """Text of so many characters at most, on one line."""

    def parse(text: str, _: Known) -> str:
        if len(text) > most:
            raise CellRefused("too_long")
        if _UNSTORABLE.search(text) or "\n" in text:
            raise CellRefused("unstorable")
        return text

    return parse


def choice(words: Mapping[str, str]) -> Parse:
    """One of some words, each found by itself (in small letters) or by another word for it."""

    def parse(text: str, _: Known) -> str:
        try:
            return words[text.lower()]
        except KeyError:
            raise CellRefused("unknown_word") from None

    return parse


def prose(most: int) -> Parse:
    """Text of so many characters at most, on as many lines as there are."""

    def parse(text: str, _: Known) -> str:
        lines = text.replace("\r", "")
        if len(lines) > most:
            raise CellRefused("too_long")
        if _UNSTORABLE.search(lines):
            raise CellRefused("unstorable")
        return lines

    return parse


def whole(low: int, high: int) -> Parse:
    """A whole number between two others."""

    def parse(text: str, _: Known) -> str | Odd:
        digits, odd = _digits(text)
        if not re.fullmatch(r"[0-9]{1,18}", digits):
            raise CellRefused("no_number")
        if not low <= int(digits) <= high:
            raise CellRefused("out_of_range")
        return Odd(str(int(digits)), odd) if odd else str(int(digits))

    return parse


def number(low: float, high: float) -> Parse:
    """A plain decimal number between two others."""

    def parse(text: str, _: Known) -> str:
        try:
            value = float(text.replace(",", ".") if text.count(",") == 1 else text)
        except ValueError:
            raise CellRefused("no_number") from None
        if not low <= value <= high:
            raise CellRefused("out_of_range")
        return repr(value)

    return parse


def words(text: str, _: Known) -> str:
    """Several words, parted by blanks or commas; each once, in their order."""
    found = dict.fromkeys(word for word in _PARTING.split(text) if word)
    if _UNSTORABLE.search(text) or any(len(word) > 64 for word in found):
        raise CellRefused("too_long")
    if len(found) > _MOST_WORDS:
        raise CellRefused("too_many_words")
    return " ".join(found)


def wire_names(text: str, known: Known) -> str:
    """Several wire names as kind:value."""
    try:
        return " ".join(sorted({str(_WireName.parse(word)) for word in words(text, known).split()}))
    except IdentifierInvalid:
        raise CellRefused("wire_name_invalid") from None


def profile(text: str, known: Known) -> str:
    """The code of a device profile."""
    if text not in known.profiles:
        raise CellRefused("profile_not_found")
    return text


def region(text: str, known: Known) -> str | Odd:
    """The code of a region."""
    digits, odd = _digits(text)
    if digits not in known.regions:
        raise CellRefused("region_not_found")
    return Odd(digits, odd) if odd else digits


def _digits(text: str) -> tuple[str, str | None]:
    """Digits that a spreadsheet may have taken for a number, and what is odd about them.

    86000000000001.0 is still whole; of 8.6E+13 nobody knows the digits any more.
    """
    if text.isdigit():
        return text, None
    if _SPREADSHEET_NUMBER.fullmatch(text):
        raise CellRefused("number_mangled")
    whole = _WHOLE_WITH_DECIMALS.fullmatch(text)
    return (whole[1], "number_with_decimals") if whole else (text, None)


def _identifier(parse: Callable[[str], object], kind: str) -> Parse:
    def parsed(text: str, _: Known) -> str | Odd:
        digits, odd = _digits(text)
        try:
            found = str(parse(digits))
        except IdentifierInvalid as error:
            wrong_digit = "check digit" in error.why and "missing" not in error.why
            raise CellRefused(f"{kind}_{'check_digit' if wrong_digit else 'invalid'}") from None
        return Odd(found, odd) if odd else found

    return parsed


def _iccid(text: str, _: Known) -> str | Odd:
    digits, odd = _digits(text)
    try:
        found = Iccid.parse(digits)
    except IdentifierInvalid:
        raise CellRefused("iccid_invalid") from None
    if odd is None and found.warnings:
        odd = "iccid_odd"
    return Odd(str(found), odd) if odd else str(found)


def _code(text: str, _: Known) -> str:
    try:
        return str(TerminalCode.parse(text))
    except IdentifierInvalid:
        raise CellRefused("code_invalid") from None


def several(parse: Parse, most: int) -> Parse:
    """Several of something, parted by blanks or commas; each once."""

    def parsed(text: str, known: Known) -> str:
        found = [parse(word, known) for word in _PARTING.split(text) if word]
        if len(found) > most:
            raise CellRefused("too_many_words")
        return " ".join(dict.fromkeys(f.text if isinstance(f, Odd) else f for f in found))

    return parsed


def _instant(days: int) -> Parse:
    """So many days after the beginning of a day (UTC), or an instant with its offset."""

    def parse(text: str, _: Known) -> str:
        try:
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                if found.time() != time():  # a workbook's cell of a day is midnight
                    raise CellRefused("no_time")
                found = found.replace(tzinfo=UTC) + timedelta(days=days)
            return found.astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            raise CellRefused("no_time") from None

    return parse


def _client_code(text: str, _: Known) -> str:
    if not _CLIENT_CODE.fullmatch(text):
        raise CellRefused("code_invalid")
    return text


day = _instant(1)
"""The end of a day (UTC), or an instant with its offset, as RFC 3339 in UTC."""
since_day = _instant(0)
"""The beginning of a day (UTC), or an instant with its offset, as RFC 3339 in UTC."""
terminal_code: Parse = _code
client_code: Parse = _client_code
credit_code = _identifier(CreditCode.parse, "credit_code")
tac = _identifier(tac_of, "tac")
imei = _identifier(Imei.parse, "imei")
imsi = _identifier(Imsi.parse, "imsi")
msisdn = _identifier(Msisdn.parse, "msisdn")
eid = _identifier(Eid.parse, "eid")
iccid: Parse = _iccid


@lru_cache(1024)
def normal_title(text: str) -> str:
    """A column's title without what people add to it: case, blanks, a star, words in brackets."""
    bare = re.sub(r"[(（\[【].*?[)）\]】]", "", text.strip().lstrip("\ufeff"))
    return re.sub(r"[\s_\-*]+", "", bare).casefold()
