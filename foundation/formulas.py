"""Text that a spreadsheet would run as a formula: escaped going out, restored coming in."""

# How a cell begins that is run, however harmless it looks in the file (ASVS 1.2.10).
_RUN = ("=", "+", "-", "@", "\t", "\r")
_ESCAPED = (*_RUN, "'")


def escaped(text: str) -> str:
    """The text with an apostrophe before it, where it begins as a formula or with one itself."""
    return "'" + text if text.startswith(_ESCAPED) else text


def unescaped(text: str) -> str:
    """The inverse of `escaped`."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_ESCAPED) else text
