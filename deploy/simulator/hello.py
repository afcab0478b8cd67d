"""What a terminal says of itself when it starts: the truth, or what its story makes of it."""

from stdnum import luhn

from deploy.reference.clients import Story
from deploy.simulator.chance import chance
from deploy.simulator.fleet import Member

_SERIAL, _CARD = 120, 121


def said_at_start(member: Member, seed: int) -> dict[str, str]:
    """The fields of `hello` that the member knows, but for the boot."""
    said = member.identity.model_dump(exclude_none=True)
    if member.story is Story.SEPARATED and "imei" in said:
        said["imei"] = other_imei(said["imei"], seed)
    if member.story is Story.RIVAL and "imsi" in said:
        said["imsi"] = rival_imsi(said["imsi"], seed)
    return said


def other_imei(imei: str, seed: int) -> str:
    """A sound IMEI of the same type of hardware with another serial number."""
    serial = int(imei[8:14])
    other = (serial + 1 + int(999_998 * chance(seed, _SERIAL, 0))) % 1_000_000
    body = f"{imei[:8]}{other:06d}"
    return body + luhn.calc_check_digit(body)


def rival_imsi(imsi: str, seed: int) -> str:
    """An IMSI of the same country's next network (two-digit MNC), with a subscriber of its own."""
    network = (int(imsi[3:5]) + 1) % 100
    return f"{imsi[:3]}{network:02d}{int(1e10 * chance(seed, _CARD, 0)):010d}"
