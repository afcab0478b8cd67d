"""What a profile's form says is wrong with a field, in the reader's language where it is known."""

import re


def _(text: str) -> str:
    return text


# By what `profile_document` says; a test holds the two together.
FAULTS = {
    "a name is 1 to 41 small letters, digits and _, beginning with a letter": _(
        "1 to 41 small letters, digits and _, beginning with a letter."
    ),
    "this is a word of SQL, which people would have to quote": _(
        "This is a word of SQL: take another name."
    ),
    "this name is kept for a table of Muster itself": _("Muster keeps this name for itself."),
    "this name is kept for a column or key of Muster itself": _(
        "Muster keeps this name for itself."
    ),
    "a title is one line of printable characters": _("One line of printable characters."),
    "roll-ups are kept as long as raw readings, or longer": _(
        "Roll-ups are kept as long as readings, or longer."
    ),
    "only a double or a bigint can have one": _("Only a number can have one."),
    "a bigint is bounded by whole numbers": _("A whole number is bounded by whole numbers."),
    "it is below low": _("It is below where the values begin."),
    "only a double can have decimals": _("Only a number that is not whole has decimals."),
    "low or high with so many decimals has no place": _("So many decimals have no place."),
}
_PATTERNS = (
    (re.compile("Field required"), _("It is needed.")),
    (re.compile("Input should be a (valid (number|integer)|finite)"), _("A number is needed.")),
    (re.compile("Input should be (greater|less) than"), _("It is out of range.")),
    (re.compile("String should have at (most|least)"), _("It is too short or too long.")),
    (re.compile("String should match"), _("It holds characters that are not taken here.")),
    (re.compile("metrics.[0-9]+ has this name already"), _("Another metric has this name.")),
    (re.compile("a list of 1 to 200 metrics"), _("A profile has 1 to 200 metrics.")),
)


def fault(why: str) -> str | None:
    """The text, to be translated, of what is wrong; None where there is only the document's."""
    if why in FAULTS:
        return FAULTS[why]
    return next((text for pattern, text in _PATTERNS if pattern.match(why)), None)
