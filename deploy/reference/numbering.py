"""Numbers for invented terminals: valid in every check digit, and never two the same."""

from stdnum import luhn

from deploy.reference.tables import Network, NumberRange
from registry.identifiers import Iccid, Imei, Imsi, Msisdn

TEST_TAC = "001"
"""Type allocation codes that begin so are for tests (GSMA TS.06): no sold modem has one."""


def scattered(index: int, digits: int, seed: int) -> str:
    """`index` (below 10^digits) shuffled: different indices give different numbers."""
    modulus = 10**digits
    # A stride without a factor 2 or 5 visits every number below a power of ten once.
    stride = modulus * 618_034 // 1_000_000 // 10 * 10 + 7
    start = (seed + 1) * 271_828_182_845_904_523
    return f"{(index * stride + start) % modulus:0{digits}d}"


def imei(index: int, model: int, seed: int) -> Imei:
    """The `index`-th modem, of one of a hundred models, a million to a type allocation code."""
    million, unit = divmod(index, 1_000_000)
    body = f"{TEST_TAC}{model:02d}{million:03d}{scattered(unit, 6, seed)}"
    return Imei(body + luhn.calc_check_digit(body))


def iccid(index: int, network: Network, seed: int) -> Iccid:
    """The `index`-th card of a network: 20 digits with Luhn."""
    body = network.iccid_prefix + scattered(index, 19 - len(network.iccid_prefix), seed)
    return Iccid(body + luhn.calc_check_digit(body))


def imsi(index: int, network: Network, seed: int) -> Imsi:
    """The `index`-th subscription of a network."""
    return Imsi(network.prefix + scattered(index, 15 - len(network.prefix), seed))


def msisdn(index: int, numbers: NumberRange, seed: int) -> Msisdn:
    """The `index`-th number of a range."""
    return Msisdn(numbers.prefix + scattered(index, numbers.digits - len(numbers.prefix), seed))
