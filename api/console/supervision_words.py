"""The words of supervision as people read them; `_` only marks, as in `words`."""

from registry.model import IndustryClass, RegionLevel
from telemetry.supervision_model import Rate, RollUpBy


def _(text: str) -> str:
    return text


BY = {
    RollUpBy.REGION: _("Region"),
    RollUpBy.LEVEL: _("Level"),
    RollUpBy.INDUSTRY: _("Industry"),
    RollUpBy.CLASS: _("Class"),
    RollUpBy.SECTOR: _("Sector"),
    RollUpBy.TIER: _("Tier"),
    RollUpBy.MANAGER: _("Account manager"),
    RollUpBy.CLIENT: _("Client"),
}
RATES = {
    Rate.ONLINE: _("Reporting"),
    Rate.ACTIVATION: _("In service"),
    Rate.VERIFIED: _("Verified files"),
    Rate.COMPLETENESS: _("Completeness"),
    Rate.BINDING: _("Binding coverage"),
}
MEANINGS = {
    Rate.ONLINE: _("of the terminals in service, those whose data comes"),
    Rate.ACTIVATION: _("of the terminals on the roll, those in service"),
    Rate.VERIFIED: _("of the customers, those whose file is verified and not due"),
    Rate.COMPLETENESS: _("of the readings expected, those stored; of the day in UTC"),
    Rate.BINDING: _("of the SIMs in use, those bound and proven"),
}
# A rate changes its tone below these: warn, bad.
BOUNDS = {
    Rate.ONLINE: (0.96, 0.90),
    Rate.ACTIVATION: (0.90, 0.75),
    Rate.VERIFIED: (0.90, 0.70),
    Rate.COMPLETENESS: (0.99, 0.95),
    Rate.BINDING: (0.90, 0.70),
}
KEYS = {
    RegionLevel.HEADQUARTERS: _("headquarters"),
    RegionLevel.PROVINCE: _("province"),
    RegionLevel.CITY: _("city"),
    IndustryClass.GROWTH: _("growth"),
    IndustryClass.INCUBATION: _("incubation"),
    IndustryClass.OTHER: _("other"),
}


def tone(rate: Rate, share: float | None) -> str:
    """How a share of that rate is coloured; none where there is nothing to share."""
    if share is None:
        return "none"
    warn, bad = BOUNDS[rate]
    return "bad" if share < bad else "warn" if share < warn else "ok"
