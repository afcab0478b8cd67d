"""Where in a JSON text something stands that is wrong with it; pure, linear, only asked then.

The text is one that a parser has read: its tokens are sound.
"""

import json
import re
from collections.abc import Iterator

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|[^\[\]{}:,"\s]+', re.DOTALL)
_OPENING, _CLOSING = frozenset((b"[", b"{")), frozenset((b"]", b"}"))


def of_item(payload: bytes, index: int) -> int:
    """The byte at which item `index` of the list begins; 0 if it has none such."""
    depth, number = 0, -1
    for position, token in _tokens(payload):
        if depth == 1 and number < 0:
            number = 0
        elif depth == 1 and token == b",":
            number += 1
            continue
        if depth == 1 and number == index and token not in _CLOSING:
            return position
        depth += (token in _OPENING) - (token in _CLOSING)
    return 0


def of_depth(payload: bytes, depth: int) -> int:
    """The byte of the first bracket that lies inside `depth` others; 0 if there is none."""
    open_now = 0
    for position, token in _tokens(payload):
        if token in _OPENING:
            if open_now == depth:
                return position
            open_now += 1
        elif token in _CLOSING:
            open_now -= 1
    return 0


def of_second_key(payload: bytes) -> int:
    """The byte of the first key that its object has already; 0 if each has its own."""
    keys: list[set[str]] = []
    last, begins = b"", 0
    for position, token in _tokens(payload):
        if token in _OPENING:
            keys.append(set())
        elif token in _CLOSING:
            keys.pop()
        elif token == b":":
            name = json.loads(last)
            if name in keys[-1]:
                return begins
            keys[-1].add(name)
        else:
            last, begins = token, position
    return 0


def _tokens(payload: bytes) -> Iterator[tuple[int, bytes]]:
    for found in _TOKEN.finditer(payload):
        yield found.start(), found[0]
