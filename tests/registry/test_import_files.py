"""How files are read, whatever is in them: every fault has its place, and nothing is too much."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from foundation.formulas import escaped, unescaped
from registry.imports.columns import Known, normal_title
from registry.imports.kinds import KINDS
from registry.imports.model import PORTION_ROWS, Unreadable
from registry.imports.reading import open_file, workbook
from registry.imports.reading.csv_text import MOST_RECORD_CHARACTERS
from registry.imports.staging import Staging, titles_of

TERMINALS = KINDS["terminals"]
KNOWN = Known(frozenset({"meter"}), frozenset({"320100"}))
TITLES = frozenset(titles_of(TERMINALS))
Staged = list[tuple[int, dict[str, str], list[tuple[str, str]]]]


def staged(content: bytes) -> Staged:
    """Number, cells and findings of each row."""
    opened = open_file(io.BytesIO(content), TITLES)
    found: Staged = []
    for portion in Staging(TERMINALS, opened, KNOWN, {}).portions():
        for number, cells in portion.rows:
            named = {
                column.name: cell
                for column, cell in zip(TERMINALS.columns, cells, strict=True)
                if cell is not None and column.default is None
            }
            told = [(f.column, f.code) for row, f in portion.findings if row == number]
            found.append((number, named, told))
    return found


def refused(content: bytes) -> tuple[str, int | None, str | None]:
    """Why a file cannot be read, and where."""
    with pytest.raises(Unreadable) as caught:
        staged(content)
    return caught.value.code, caught.value.row, caught.value.column


def sheet(*rows: list[object], write: Callable[[xlsxwriter.Workbook], None] | None = None) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        page = book.add_worksheet()
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
        if write:
            write(book)
    return file.getvalue()


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """A workbook in which one part is another."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as before,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for entry in before.namelist():
            after.writestr(entry, part if entry == name else before.read(entry))
    return changed.getvalue()


CHINESE = "终端编码,名称,物模型,地区\nM-1,三号变压器,meter,320100\n"
EXPECTED: Staged = [
    (2, {"code": "M-1", "name": "三号变压器", "profile": "meter", "region": "320100"}, [])
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_text_is_read_as_it_was_written(encoding: str) -> None:
    """UTF-8 with and without its mark, and GB18030, by what the bytes can be."""
    assert staged(CHINESE.encode(encoding)) == EXPECTED


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_line_ends_are_found(separator: str, end: str) -> None:
    """By which of them the titles are known."""
    text = CHINESE.replace(",", separator).replace("\n", end)

    assert staged(text.encode()) == EXPECTED


def test_the_same_rows_as_a_workbook_and_as_json() -> None:
    """Three formats, one meaning; a number keeps every digit that it was written with."""
    book = sheet(["终端编码", "名称", "物模型", "地区"], ["M-1", "三号变压器", "meter", 320100])
    lines = json.dumps({"code": "M-1", "name": "三号变压器", "profile": "meter", "region": 320100})

    assert staged(book) == EXPECTED
    assert staged(lines.encode()) == [(1, *EXPECTED[0][1:])]


@pytest.mark.parametrize(
    ("title", "name"),
    [("IMEI 号（必填）*", "imei"), ("Group Client", "group_client"), ("工单号", "order_ref")],
)
def test_titles_are_found_however_they_are_dressed(title: str, name: str) -> None:
    """Case, blanks, stars and what stands in brackets do not matter."""
    column = titles_of(TERMINALS)[normal_title(title)]
    assert column is not None
    assert column.name == name


def test_no_two_columns_have_one_title() -> None:
    """What a title names is never a matter of chance."""
    for kind in KINDS.values():
        titles = [
            normal_title(title)
            for column in kind.columns
            for title in {column.name, *column.titles}
        ]
        assert len(titles) == len(set(titles))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ("header_missing", 1, None)),
        (b"\n\n", ("header_missing", 1, None)),
        (b"code,profile,region\n", ("no_rows", None, None)),
        (b"code,profile\nM,meter\n", ("column_missing", 1, "region")),
        (b"code,profile,region,colour\n", ("column_unknown", 1, "colour")),
        (b"code,profile,region,Code\n", ("column_twice", 1, "Code")),
        (b"code," * 70, ("too_many_columns", 1, None)),
        ("code,profile\n".encode("utf-16"), ("encoding_utf16", 1, None)),
        (b"code,name,profile,region\nM-1,\xff\xff,meter,320100\n", ("encoding_unknown", 2, None)),
        (b"code\x00,profile\n", ("not_text", 1, None)),
        (b'{"code": "M-1"}\n{"code": "M-2"\n', ("record_malformed", 2, None)),
        (b'{"code": "M-1", "code": "M-2"}\n', ("record_malformed", 1, None)),
        (b'{"code": {"a": 1}}\n', ("record_malformed", 1, "code")),
        (b'{"code": ' + b"[" * 100_000 + b"\n", ("record_malformed", 1, None)),
        (b"PK\x03\x04" + b"x" * 100, ("workbook_broken", None, None)),
    ],
)
def test_what_cannot_be_read_says_why_and_where(
    content: bytes, expected: tuple[str, int | None, str | None]
) -> None:
    """A code, and the row and column where there is one."""
    assert refused(content) == expected


def test_mixed_encodings_are_told_with_the_line() -> None:
    """A file that is UTF-8 up to a line and something else after it, and neither as a whole."""
    text = "code,name,profile,region\nM-1,三,meter,320100\n".encode() + b"M-2,\x81\xff,meter,1\n"

    assert refused(text) == ("encoding_unknown", 3, None)


@pytest.mark.parametrize("size", [10_000_000, MOST_RECORD_CHARACTERS + 1])
@pytest.mark.parametrize("inner", ["x", "x\n"])
def test_a_cell_of_ten_megabytes_is_refused_with_its_place(size: int, inner: str) -> None:
    """On one line or on many, in CSV."""
    huge = inner * (size // len(inner))
    content = f'code,profile,region,name\nM-1,meter,320100,a\nM-2,meter,320100,"{huge}"\n'

    assert refused(content.encode()) == ("cell_too_large", 3, "4")


def test_a_cell_that_is_only_too_long_is_wrong_by_itself() -> None:
    """The rows around it are read."""
    content = f"code,profile,region,name\nM-1,meter,320100,{'x' * 5000}\nM-2,meter,320100,a\n"

    assert [(row, told) for row, _, told in staged(content.encode())] == [
        (2, [("name", "cell_too_large")]),
        (3, []),
    ]


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"])
def test_a_huge_cell_of_a_workbook_is_refused_with_its_place(part: str) -> None:
    """Whether it stands in the sheet or among the shared texts."""
    book = sheet(["code", "profile", "region"], ["M-1", "meter", "320100"], ["HUGE", "meter", 1])
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        text = archive.read(part)
    if part.endswith("sheet1.xml"):
        small = b'<c r="C3"><v>1</v>'
        huge = b'<c r="C3" t="inlineStr"><is><t>' + b"x" * 10_000_000 + b"</t></is>"
        expected = ("cell_too_large", 3, "3")
    else:
        small, huge = b"HUGE", b"x" * 10_000_000
        expected = ("cell_too_large", 3, "1")
    assert small in text

    assert refused(with_part(book, part, text.replace(small, huge))) == expected


def test_bombs_are_refused_by_what_the_archive_says() -> None:
    """Much from little, too many parts, and a nest of entities."""
    book = sheet(["code", "profile", "region"], ["M-1", "meter", "320100"])
    zeros = b"<x>" + b" " * (workbook.RATIO_COUNTS_FROM_BYTES * 3) + b"</x>"
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(workbook.MOST_PARTS + 1):
            archive.writestr(f"xl/{number}", b"")
    doctype = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "a">]><x/>'

    assert refused(with_part(book, "xl/worksheets/sheet1.xml", zeros))[0] == "workbook_too_large"
    assert refused(many.getvalue())[0] == "workbook_too_large"
    assert refused(with_part(book, "xl/workbook.xml", doctype))[0] == "workbook_broken"


def test_an_archive_that_lies_about_a_part_gives_no_more_than_it_says() -> None:
    """A part that says it is small is read no further than that, and found broken."""
    book = bytearray(sheet(["code", "profile", "region"], ["M-1", "meter", "320100"]))
    large = zlib.compressobj(wbits=-15)
    body = large.compress(b"<x>" + b"y" * 50_000_000) + large.flush()
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bytes(book))) as before, zipfile.ZipFile(changed, "w") as after:
        for entry in before.namelist():
            after.writestr(entry, before.read(entry) if "sheet1" not in entry else b"")
    lying = bytearray(changed.getvalue())
    name = b"xl/worksheets/sheet1.xml"
    local = lying.index(name) - 30
    lying[local + 8 : local + 10] = struct.pack("<H", 8)
    lying[local + 18 : local + 26] = struct.pack("<II", len(body), 100)
    end = lying.index(name) + len(name)
    lying[end:end] = body
    central = lying.rindex(name) - 46
    lying[central + 10 : central + 12] = struct.pack("<H", 8)
    lying[central + 20 : central + 28] = struct.pack("<II", len(body), 100)
    eocd = lying.rindex(b"PK\x05\x06")
    (start,) = struct.unpack_from("<I", lying, eocd + 16)
    struct.pack_into("<I", lying, eocd + 16, start + len(body))
    at = start + len(body)
    while lying[at : at + 4] == b"PK\x01\x02":
        names, extra, comment = struct.unpack_from("<HHH", lying, at + 28)
        (offset,) = struct.unpack_from("<I", lying, at + 42)
        if offset > local:
            struct.pack_into("<I", lying, at + 42, offset + len(body))
        at += 46 + names + extra + comment

    assert refused(bytes(lying))[0] in ("workbook_broken", "workbook_too_large")


def test_what_a_spreadsheet_did_to_numbers_is_recognised() -> None:
    """Rounded digits are refused; ones that are only dressed up are read, with a warning."""
    book = sheet(
        ["code", "profile", "region", "iccid", "imei"],
        ["M-1", "meter", "320100", 89860012345678901234, ""],
        ["M-2", "meter", 320100.0, "89860012345678901239", 490154203237518],
    )
    text = b"code,profile,region,imei\nM-1,meter,320100.0,4.90154E+14\n"

    assert staged(book) == [
        (
            2,
            {"code": "M-1", "profile": "meter", "region": "320100"},
            [("iccid", "number_mangled")],
        ),
        (
            3,
            {
                "code": "M-2",
                "profile": "meter",
                "region": "320100",
                "iccid": "89860012345678901239",
                "imei": "490154203237518",
            },
            [("iccid", "iccid_odd")],
        ),
    ]
    assert staged(text)[0][2] == [("region", "number_with_decimals"), ("imei", "number_mangled")]


def test_rows_keep_their_numbers_and_portions_their_edges() -> None:
    """Blank lines are counted; a portion never crosses a multiple of its size."""
    text = "code,profile,region\n" + "\n".join(
        f"M-{n},meter,320100" if n % 3 else "" for n in range(2 * PORTION_ROWS)
    )
    opened = open_file(io.BytesIO(text.encode()), TITLES)
    portions = [
        [number for number, _ in portion.rows]
        for portion in Staging(TERMINALS, opened, KNOWN, {}).portions()
    ]

    assert [{(n - 1) // PORTION_ROWS for n in rows} for rows in portions] == [{0}, {1}, {2}][
        : len(portions)
    ]
    assert [n for rows in portions for n in rows] == [
        n + 2 for n in range(2 * PORTION_ROWS) if n % 3
    ]


@given(st.text(max_size=20))
def test_what_is_escaped_comes_back_as_it_was(text: str) -> None:
    """Whatever a name begins with; and what went out begins no formula."""
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Never anything but rows or a reason."""
    try:
        staged(b"code,profile,region\n" + content)
        staged(content)
    except Unreadable as fault:
        code = fault.code
    else:
        code = "read"
    assert code
