"""Identifiers are parsed once at the door: what passes is in its one normal form."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import uscc

from registry.identifiers import (
    CreditCode,
    Eid,
    Iccid,
    IdentifierInvalid,
    Imei,
    Imsi,
    Msisdn,
    TerminalCode,
    WireName,
)

PARSERS: dict[str, Any] = {
    "imei": Imei,
    "iccid": Iccid,
    "imsi": Imsi,
    "msisdn": Msisdn,
    "eid": Eid,
    "credit_code": CreditCode,
    "code": TerminalCode,
    "wire_name": WireName,
}
NUMBERS = ("imei", "iccid", "imsi", "msisdn", "eid")
FILE = Path(__file__).parents[1] / "cases" / "identifiers" / "vectors.json"
VECTORS = [v for v in json.loads(FILE.read_text("utf-8")) if v["kind"] in PARSERS]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['kind']}-{v['value']}")
def test_published_identifier_is_taken_or_refused_as_its_source_says(
    vector: dict[str, Any],
) -> None:
    """Every vector of the collection has the verdict that stands beside it."""
    try:
        parsed = str(PARSERS[vector["kind"]].parse(vector["value"]))
    except IdentifierInvalid:
        parsed = None
    assert parsed == (vector["value"] if vector["valid"] else None)


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("imei", "490154203237517", "its check digit (Luhn) is wrong"),
        ("imei", "35449404051857", "its check digit, the 15th, is missing"),
        (
            "imei",
            "3568680000414120",
            "16 digits are an IMEISV; give the 15 digits of the IMEI",
        ),
        ("imei", "35449404051857A", "only the digits 0 to 9 occur in one"),
        ("imei", "4901542032375", "it has 13 digits instead of 15"),
        ("imei", "000000000000000", "nothing but zeros is a placeholder, not a number"),
        ("imei", " - ", "it is empty"),
        (
            "imei",
            "４９０１５４２０３２３７５１８",
            "it holds full-width or other characters that are not plain digits and letters",
        ),
        (
            "imei",
            "49015420323751\N{SUPERSCRIPT TWO}",
            "it holds full-width or other characters that are not plain digits and letters",
        ),
        ("imei", "490154203237518\0", "only the digits 0 to 9 occur in one"),
        ("iccid", "88860469102190078153", "it must begin with 89"),
        ("iccid", "89860469102190G78153", "only digits and the letters A to F occur in one"),
        ("iccid", "89860469102190078", "it has 17 characters instead of 18 to 20"),
        ("iccid", "898604691021900781530", "it has 21 characters instead of 18 to 20"),
        ("imsi", "000000000000000", "nothing but zeros is a placeholder, not a number"),
        ("imsi", "46000123456789", "it has 14 digits instead of 15"),
        ("msisdn", "139123456789", "it has 12 digits instead of 11 or 13"),
        (
            "msisdn",
            "+8613912345678",
            "without the home country's code only national numbers can be read",
        ),
        ("eid", "89001012012341234012345678901225", "its check digits (modulo 97) are wrong"),
        ("eid", "8900101201234123401234567890122", "it has 31 digits instead of 32"),
        (
            "credit_code",
            "91350100M000100Y44",
            "its check character (mod 31) is wrong",
        ),
        (
            "credit_code",
            "9I350100M000100Y43",
            "only digits and letters other than I, O, S, V and Z occur",
        ),
        ("credit_code", "91350100M000100Y4", "it has 17 characters instead of 18"),
        ("credit_code", "0" * 18, "its check character (mod 31) is wrong"),
        (
            "code",
            "SM 1",
            "only 1 to 64 letters A to Z, a to z, digits, _ and - make a code",
        ),
        (
            "code",
            "bridge-1",
            "codes that begin with bridge- or muster- belong to Muster itself",
        ),
    ],
)
def test_refusal_says_what_is_wrong(kind: str, text: str, why: str) -> None:
    """The reason is one that the sender can act on, and names the kind and the value."""
    with pytest.raises(IdentifierInvalid) as caught:
        PARSERS[kind].parse(text)
    assert (caught.value.kind, caught.value.value, caught.value.why) == (kind, text, why)


def test_imei_is_grouped_as_people_write_it() -> None:
    """Blanks and hyphens that group the digits are dropped; the TAC is the first eight."""
    imei = Imei.parse(" 49-015420 323751-8")
    assert (str(imei), imei.tac) == ("490154203237518", "49015420")


@pytest.mark.parametrize(
    ("text", "normal", "warnings"),
    [
        ("8944 4788 0000 0211 000", "8944478800000211000", ()),
        ("8944478800000211000F", "8944478800000211000", ()),
        ("89860477012070271502", "89860477012070271502", ("Its Luhn check digit does not fit.",)),
        ("898604a7012070271502", "898604A7012070271502", ("It holds hexadecimal letters.",)),
        ("898604a70120702715ff", "898604A70120702715", ("It holds hexadecimal letters.",)),
    ],
)
def test_iccid_is_normal_and_what_is_odd_about_it_only_warns(
    text: str, normal: str, warnings: tuple[str, ...]
) -> None:
    """Filler and grouping go, letters are upper case, and neither letters nor Luhn refuse it."""
    iccid = Iccid.parse(text)
    assert (str(iccid), iccid.warnings) == (normal, warnings)


@pytest.mark.parametrize(
    ("text", "mcc", "mnc"),
    [
        ("460041234567890", "460", "04"),
        ("460131234567890", "460", "13"),
        ("310150123456789", "310", "150"),
        ("999001234567890", "999", "00"),
    ],
)
def test_imsi_knows_its_country_and_network(text: str, mcc: str, mnc: str) -> None:
    """The network code has as many digits as its country uses, two where nobody knows."""
    imsi = Imsi.parse(text)
    assert (imsi.mcc, imsi.mnc) == (mcc, mnc)


@pytest.mark.parametrize(
    ("text", "national"),
    [
        ("8613912345678", "13912345678"),
        ("+86 139 1234 5678", "13912345678"),
        ("861064812345678", "1064812345678"),
        ("1064812345678", "1064812345678"),
        ("86123456789", "86123456789"),
    ],
)
def test_msisdn_loses_the_country_code_of_home(text: str, national: str) -> None:
    """With the home country's code given, an international number becomes the national one."""
    assert str(Msisdn.parse(text, country_code="86")) == national


def test_msisdn_of_abroad_is_refused_at_home() -> None:
    """A number with + and another country's code is not taken for a national one."""
    with pytest.raises(IdentifierInvalid) as caught:
        Msisdn.parse("+4915112345678", country_code="86")
    assert caught.value.why == "it is not of the home country"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("jt808_phone:013912345678", "jt808_phone:13912345678"),
        ("jt808_phone:00000000013912345678", "jt808_phone:13912345678"),
        ("meter_address:1234567", "meter_address:000001234567"),
        ("dc09_account:12ab", "dc09_account:12AB"),
        ("vin:lsvau2180n2123456", "vin:LSVAU2180N2123456"),
        ("code:SM-320500-00017", "code:SM-320500-00017"),
    ],
)
def test_wire_name_is_found_however_a_frame_writes_it(text: str, normal: str) -> None:
    """Padding and case that a protocol adds do not make another name."""
    assert str(WireName.parse(text)) == normal


@pytest.mark.parametrize(
    "text",
    [
        "imei:490154203237518",
        "jt808_phone:000000",
        "jt808_phone:+1",
        "meter_address:",
        "meter_address:1234567890123",
        "dc09_account:12",
        "vin:LSVAU2180N212345O",
        "vin:ＬSVAU2180N2123456",
        "code:a b",
        "",
    ],
)
def test_wire_name_that_no_terminal_can_send_is_refused(text: str) -> None:
    """Unknown kinds and values outside a kind's form never reach the registry."""
    with pytest.raises(IdentifierInvalid):
        WireName.parse(text)


@given(kind=st.sampled_from(sorted(PARSERS)), text=st.text(max_size=70))
def test_any_text_is_an_identifier_in_normal_form_or_refused(kind: str, text: str) -> None:
    """Whatever is typed, `parse` gives a value that parses to itself, or IdentifierInvalid."""
    try:
        parsed = PARSERS[kind].parse(text)
    except IdentifierInvalid:
        return
    assert PARSERS[kind].parse(str(parsed)) == parsed


@given(digits=st.from_regex(r"[0-9]{1,40}", fullmatch=True), kind=st.sampled_from(NUMBERS))
def test_any_digits_are_taken_only_in_the_form_of_their_kind(digits: str, kind: str) -> None:
    """No run of digits gets past the length, the check digit or the prefix of its kind."""
    known = {
        "imei": len(digits) == 15 and luhn.is_valid(digits),
        "iccid": 18 <= len(digits) <= 20 and digits.startswith("89"),
        "imsi": len(digits) == 15,
        "msisdn": len(digits) in (11, 13),
        "eid": len(digits) == 32 and int(digits) % 97 == 1,
    }
    expected = known[kind] and digits.strip("0") != ""
    try:
        taken = str(PARSERS[kind].parse(digits)) == digits
    except IdentifierInvalid:
        taken = False
    assert taken == expected


@given(body=st.from_regex(r"[0-9]{14}", fullmatch=True), wrong=st.integers(1, 9))
def test_one_wrong_check_digit_is_always_found(body: str, wrong: int) -> None:
    """Of the ten last digits exactly one makes an IMEI."""
    right = luhn.calc_check_digit(body)
    if body.strip("0"):
        assert str(Imei.parse(body + right)) == body + right
    with pytest.raises(IdentifierInvalid):
        Imei.parse(body + str((int(right) + wrong) % 10))


def test_identifiers_of_different_kinds_are_never_equal() -> None:
    """The same digits as an IMEI and as an IMSI are two things."""
    assert len({Imei("490154203237518"), Imsi("490154203237518"), Imei("490154203237518")}) == 2


@pytest.mark.parametrize(
    "text", ["91350100M000100Y43", "91110000600037341L", "91 110000 600037341l"]
)
def test_a_credit_code_is_taken_as_people_write_it(text: str) -> None:
    """Published examples, grouped or not."""
    assert str(CreditCode.parse(text)) == text.replace(" ", "").upper()


@given(
    body=st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17),
    place=st.integers(0, 17),
    other=st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"),
)
def test_one_wrong_character_of_a_credit_code_is_always_found(
    body: str, place: int, other: str
) -> None:
    """31 is prime, and no weight is a multiple of it."""
    right = body + uscc.calc_check_digit(body)
    wrong = right[:place] + other + right[place + 1 :]
    if right.strip("0"):
        assert str(CreditCode.parse(right)) == right
    if wrong != right:
        with pytest.raises(IdentifierInvalid):
            CreditCode.parse(wrong)
