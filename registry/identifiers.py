"""Identifiers of terminals, SIMs and hardware: parsed once at the door, trusted ever after.

Each type is a frozen value whose `str()` is the one normal form. `parse` drops the blanks and
hyphens that people group digits with, and raises IdentifierInvalid for everything else.
"""

import re
from dataclasses import dataclass
from typing import Self

from stdnum import imsi as numbering
from stdnum.cn import uscc
from stdnum.iso7064 import mod_97_10

from foundation.errors import Invalid

_GROUPING = re.compile(r"[ \t\u00a0-]+")
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
"""A digit twice, as the sum of its digits."""


class IdentifierInvalid(Invalid):
    """An identifier is refused; `kind` and `value` say which one, `why` what is wrong with it."""

    code = "identifier_invalid"
    remedy = "Copy it again from the label or the operator's list, in plain digits and letters."

    def __init__(self, kind: str, value: str, why: str) -> None:
        super().__init__(f"{kind} {value[:80]!r} is refused: {why}.", field=kind)
        self.kind = kind
        self.value = value
        self.why = why


@dataclass(frozen=True, slots=True, order=True)
class _Identifier:
    """A value whose normal form is `text`."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, order=True)
class Imei(_Identifier):
    """The 15 digits of a modem, with its Luhn check digit (3GPP TS 23.003, 6.2.1)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        digits = _digits("imei", text)
        if len(digits) == 14:
            raise IdentifierInvalid("imei", text, "its check digit, the 15th, is missing")
        if len(digits) == 16:
            raise IdentifierInvalid(
                "imei", text, "16 digits are an IMEISV; give the 15 digits of the IMEI"
            )
        _expect_length("imei", text, digits, 15)
        if not luhn_holds(digits):
            raise IdentifierInvalid("imei", text, "its check digit (Luhn) is wrong")
        return cls(digits)

    @property
    def tac(self) -> str:
        """The type allocation code: the first 8 digits, which name the model."""
        return self.text[:8]


def tac_of(text: str) -> str:
    """A type allocation code alone, in normal form."""
    digits = _digits("tac", text)
    _expect_length("tac", text, digits, 8)
    return digits


@dataclass(frozen=True, slots=True, order=True)
class Iccid(_Identifier):
    """The number printed on a SIM: 18 to 20 characters that begin with 89 (ITU-T E.118)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Upper case, without the F that fills the last half byte.

        Real cards fail Luhn and hold the letters A to F: that only warns (`warnings`).
        """
        compact = _ascii("iccid", text).upper().rstrip("F")
        if not re.fullmatch(r"[0-9A-F]*", compact):
            raise IdentifierInvalid(
                "iccid", text, "only digits and the letters A to F occur in one"
            )
        if not compact.startswith("89"):
            raise IdentifierInvalid("iccid", text, "it must begin with 89")
        if not 18 <= len(compact) <= 20:
            raise IdentifierInvalid(
                "iccid", text, f"it has {len(compact)} characters instead of 18 to 20"
            )
        return cls(compact)

    @classmethod
    def named(cls, text: str) -> Self:
        """The one that an address names; what cannot be one is a SIM that is not there."""
        try:
            return cls.parse(text)
        except IdentifierInvalid:
            return cls(text)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about it, one sentence each; nothing of it is a reason to refuse."""
        if not self.text.isdigit():
            return ("It holds hexadecimal letters.",)
        return () if luhn_holds(self.text) else ("Its Luhn check digit does not fit.",)


@dataclass(frozen=True, slots=True, order=True)
class Imsi(_Identifier):
    """The 15 digits of a subscription (ITU-T E.212); which networks are at home is data."""

    @classmethod
    def parse(cls, text: str) -> Self:
        digits = _digits("imsi", text)
        _expect_length("imsi", text, digits, 15)
        return cls(digits)

    @property
    def mcc(self) -> str:
        """The three digits of the country."""
        return self.text[:3]

    @property
    def mnc(self) -> str:
        """The digits of the network: as many as its country uses, 2 where that is unknown."""
        _, mnc, *rest = numbering.split(self.text)
        return str(mnc) if rest else self.text[3:5]


@dataclass(frozen=True, slots=True, order=True)
class Msisdn(_Identifier):
    """A subscriber number in national form: 11 digits, or 13 for machines; ranges are data."""

    @classmethod
    def parse(cls, text: str, *, country_code: str | None = None) -> Self:
        """Drops the home country's code (digits such as "86", with or without "+") where given."""
        compact = _ascii("msisdn", text)
        international = compact.startswith("+")
        digits = _digits("msisdn", compact.removeprefix("+"), text)
        national = digits.removeprefix(country_code) if country_code else digits
        if national != digits and len(national) in (11, 13):
            return cls(national)
        if international:
            raise IdentifierInvalid(
                "msisdn",
                text,
                "it is not of the home country"
                if country_code
                else "without the home country's code only national numbers can be read",
            )
        _expect_length("msisdn", text, digits, 11, 13)
        return cls(digits)


@dataclass(frozen=True, slots=True, order=True)
class Eid(_Identifier):
    """The 32 digits of an embedded SIM, 1 modulo 97 (GSMA SGP.02, annex J)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        digits = _digits("eid", text)
        _expect_length("eid", text, digits, 32)
        if mod_97_10.checksum(digits) != 1:
            raise IdentifierInvalid("eid", text, "its check digits (modulo 97) are wrong")
        return cls(digits)


@dataclass(frozen=True, slots=True, order=True)
class CreditCode(_Identifier):
    """The unified social credit code of a legal entity, modulo 31 (GB 32100-2015)."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Upper case; of the letters it has none that looks like a digit: no I, O, S, V, Z."""
        compact = _ascii("credit_code", text).upper()
        if not re.fullmatch(r"[0-9A-HJ-NP-RTUWXY]*", compact):
            raise IdentifierInvalid(
                "credit_code", text, "only digits and letters other than I, O, S, V and Z occur"
            )
        if len(compact) != 18:
            raise IdentifierInvalid(
                "credit_code", text, f"it has {len(compact)} characters instead of 18"
            )
        if not compact.strip("0") or uscc.calc_check_digit(compact[:17]) != compact[17]:
            raise IdentifierInvalid("credit_code", text, "its check character (mod 31) is wrong")
        return cls(compact)


@dataclass(frozen=True, slots=True, order=True)
class TerminalCode(_Identifier):
    """How Muster calls a terminal: its topic, its MQTT user name and its client id."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Case counts. Codes that begin with `bridge-` or `muster-` are kept for our sessions."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text, re.ASCII):
            raise IdentifierInvalid(
                "code", text, "only 1 to 64 letters A to Z, a to z, digits, _ and - make a code"
            )
        if text.startswith(("bridge-", "muster-")):
            raise IdentifierInvalid(
                "code", text, "codes that begin with bridge- or muster- belong to Muster itself"
            )
        return cls(text)


_WIRE_NAMES: dict[str, tuple[re.Pattern[str], str]] = {
    "code": (re.compile(r"[A-Za-z0-9_-]{1,64}"), "1 to 64 letters, digits, _ and -"),
    "dc09_account": (re.compile(r"[0-9A-F]{3,16}"), "3 to 16 hexadecimal digits"),
    "jt808_phone": (re.compile(r"[1-9][0-9]{0,19}"), "1 to 20 digits, not all zero"),
    "meter_address": (re.compile(r"(?!0{12})[0-9]{12}"), "1 to 12 digits, not all zero"),
    "vin": (re.compile(r"[0-9A-HJ-NPR-Z]{17}"), "17 digits and letters other than I, O and Q"),
}


@dataclass(frozen=True, slots=True, order=True)
class WireName:
    """How a terminal calls itself in a protocol; `str()` is "kind:value"."""

    kind: str
    value: str

    @classmethod
    def of(cls, kind: str, value: str) -> Self:
        """The normal form, so that a name is found however a frame pads or writes it.

        A JT/T 808 phone loses its leading zeros (12 digits in 2013, 20 in 2019), a meter address
        gets them back, accounts and VINs are upper case.
        """
        if kind not in _WIRE_NAMES:
            raise IdentifierInvalid(
                "wire_name", f"{kind}:{value}", f"its kind is none of {', '.join(_WIRE_NAMES)}"
            )
        match kind:
            case "jt808_phone":
                normal = value.lstrip("0")
            case "meter_address":
                normal = value.zfill(12)
            case "dc09_account" | "vin":
                normal = value.upper() if value.isascii() else value
            case _:
                normal = value
        pattern, shape = _WIRE_NAMES[kind]
        if not pattern.fullmatch(normal):
            raise IdentifierInvalid("wire_name", f"{kind}:{value}", f"a {kind} is {shape}")
        return cls(kind, normal)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str()`."""
        kind, _, value = text.partition(":")
        return cls.of(kind, value)

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def luhn_holds(digits: str) -> bool:
    """Whether the last of some ASCII digits is their check digit (ISO/IEC 7812-1, annex B).

    Twenty times as fast as stdnum's, which takes any alphabet: files have two a row.
    """
    given = digits.encode("ascii")
    return (sum(given[::-2]) + sum(given[-2::-2].translate(_DOUBLED)) - 48 * len(given)) % 10 == 0


def _ascii(kind: str, text: str) -> str:
    compact = _GROUPING.sub("", text)
    if not compact:
        raise IdentifierInvalid(kind, text, "it is empty")
    if not compact.isascii():
        why = "it holds full-width or other characters that are not plain digits and letters"
        raise IdentifierInvalid(kind, text, why)
    return compact


def _digits(kind: str, text: str, given: str | None = None) -> str:
    """The ASCII digits of the text; refused if anything else, or nothing but zeros, is there."""
    given = text if given is None else given
    compact = _ascii(kind, text)
    if not compact.isdigit():
        raise IdentifierInvalid(kind, given, "only the digits 0 to 9 occur in one")
    if not compact.strip("0"):
        raise IdentifierInvalid(kind, given, "nothing but zeros is a placeholder, not a number")
    return compact


def _expect_length(kind: str, text: str, digits: str, *lengths: int) -> None:
    if len(digits) not in lengths:
        expected = " or ".join(map(str, lengths))
        raise IdentifierInvalid(kind, text, f"it has {len(digits)} digits instead of {expected}")
