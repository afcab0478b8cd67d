"""`muster decode`: what a payload says, or the byte where it goes wrong; needs no platform."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from broker_bridge import inspection
from foundation.errors import Invalid, MusterError

app = typer.Typer()

_WORDS = {"true": True, "false": False}


class PayloadRefused(MusterError):
    """The payload cannot be read."""

    code = "payload_refused"
    remedy = "docs/reference/codecs.md names the standard of each codec, and its options."


@app.command()
def decode(
    codec: Annotated[str, typer.Option(help="json, senml+json, senml+cbor, jt808, dlt645, ...")],
    hex_text: Annotated[str | None, typer.Option("--hex", help="The payload in hex.")] = None,
    base64: Annotated[str | None, typer.Option(help="The payload in base64.")] = None,
    file: Annotated[Path | None, typer.Option(help="The payload as it is; else stdin.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="name=value, as in the profile; repeatable.")
    ] = None,
) -> None:
    """Show as JSON what a payload says: readings, events, and what of it is refused and why.

    Exits 0 when it can be read and 1 when nothing of it can.
    """
    payload = _payload(hex_text, base64, file)
    options = dict(_parted(pair) for pair in option or ())
    now_us = time.time_ns() // 1000
    told = inspection.inspect(payload, codec, options, received_us=now_us)
    print(json.dumps(told, ensure_ascii=False, indent=2))
    if refusal := told["refusal"]:
        raise PayloadRefused(_sentence(refusal))


def _payload(hex_text: str | None, base64: str | None, file: Path | None) -> bytes:
    given = {"hex": hex_text, "base64": base64, "file": file}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise Invalid(f"One payload at a time: {' or '.join(named)}.", field=named[1])
    if file is not None:
        try:
            return file.read_bytes()
        except OSError as error:
            raise Invalid(f"{file} cannot be read: {error.strerror}.", field="file") from None
    for name in named:
        return inspection.bytes_of(str(given[name]), name)
    return sys.stdin.buffer.read()


def _parted(pair: str) -> tuple[str, Any]:
    name, equals, value = pair.partition("=")
    if not equals:
        raise Invalid(f"{pair} is not name=value.", field="option")
    return name, _WORDS.get(value, value)


def _sentence(refusal: dict[str, Any]) -> str:
    where = ""
    if refusal["around"] is not None:
        before, after = refusal["around"]
        where = f" at byte {refusal['position']} ({before} > {after or 'the end'})"
    return f"{refusal['reason']}{where}: {refusal['detail']}."
