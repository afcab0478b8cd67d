"""Terminals that `muster simulate` puts on the roll, with the names and gateways they need."""

import json
import secrets
from typing import Any
from urllib.parse import quote

from deploy import reference
from deploy.cli.door import Door
from deploy.cli.terminals import home_region
from deploy.embedded.home import Home
from deploy.simulator import fleet, formats
from deploy.simulator.fleet import Member
from foundation.errors import NotFound

_KNOWN = {"name", "type", "unit", "low", "high", "decimals", "hidden"}


def enrolled(home: Home, profile: str, terminals: int) -> list[Member]:
    """So many terminals of a profile: those enrolled here before, and new ones by the API.

    They are registered in `testing`, owned by the operator, and kept with their credentials in the
    home for the next time. Where their codec has them behind a gateway, that comes first, besides.
    """
    file = home.path / f"simulated-{profile}.json"
    members = fleet.read(file) if file.exists() else []
    behind = bool(members) and members[-1].gateway is not None
    if len(members) - behind < terminals:
        enroller = _Enroller(Door.of(home), profile)
        try:
            while len(members) - enroller.needs_gateway < terminals:
                gateway = members[0].code if enroller.needs_gateway and members else None
                members.append(enroller.enrol(gateway, len(members) + 1))
        finally:
            fleet.write(file, members)
        behind = enroller.needs_gateway
    return members[: terminals + behind]


class _Enroller:
    """Registers terminals of one profile by the API."""

    def __init__(self, api: Door, profile: str) -> None:
        self._api = api
        self._region = home_region(api, None)
        self._profile = _defined(api, profile)
        self._codec: str = self._profile["codec"]
        self._batch = secrets.token_hex(3)
        self.needs_gateway = self._codec in formats.BEHIND

    def enrol(self, gateway: str | None, number: int) -> Member:
        """One more; the gateway of the others has no name in the codec."""
        code = f"SIM-{self._batch}-{number:05d}"
        body = {"code": code, "profile": self._profile["code"], "state": "testing"}
        registered = self._api.post("terminals", body | {"region": self._region})
        name = None
        if gateway is not None:
            self._api.post(f"terminals/{code}/gateways", {"gateway": gateway})
        if self._codec in formats.NAMED and (gateway is not None or not self.needs_gateway):
            kind, value = formats.NAMED[self._codec], self._value(number)
            name = self._api.post(f"terminals/{code}/wire-names", {"kind": kind, "value": value})
        return Member(
            code=code,
            password=registered["credential"]["password"],
            profile=self._profile["code"],
            metrics=[{k: v for k, v in m.items() if k in _KNOWN} for m in self._profile["metrics"]],
            interval_seconds=float(self._profile["expected_interval_seconds"]),
            codec=self._codec,
            codec_options=self._profile["codec_options"],
            gateway=gateway,
            wire_name=name and name["name"],
        )

    def _value(self, number: int) -> str:
        """Twelve digits that say the batch and the number: a phone, an address or an account."""
        return f"{1 + int(self._batch, 16) % 9_000_000:07d}{number:05d}"


def _defined(api: Door, code: str) -> dict[str, Any]:
    """The profile; one of the sector packs is defined where it is not yet."""
    try:
        return api.get(f"profiles/{quote(code, safe='')}")
    except NotFound:
        if code not in {profile.code for profile in reference.sector_profiles()}:
            raise
    document = json.loads((reference.SECTOR_PROFILES / f"{code}.json").read_text("utf-8"))
    return api.post("profiles", document)
