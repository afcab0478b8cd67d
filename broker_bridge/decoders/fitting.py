"""What a format says, in its own names and units, made what a profile asks for; pure."""

from collections.abc import Mapping

from broker_bridge.decoders.decoded import Decoded, RefusedPart, Said, Scalar
from broker_bridge.decoders.units import UnitsDiffer, conversion
from registry.model import DeviceProfile
from telemetry.model import Reason


def fit(said: Said, profile: DeviceProfile) -> Said:
    """The same with its values in the profile's units.

    Of a format that `offers` more than is asked for, what the profile lacks is left out. A value in
    a unit of another kind is refused as `wrong_type`.
    """
    if said.units is None:
        return said
    wanted = {metric.name: metric.unit for metric in profile.metrics}
    refused = list(said.refused)
    readings = [
        reading._replace(values=values)
        for position, reading in enumerate(said.readings)
        if (values := _fitted(position, reading, said, said.units, wanted, refused))
    ]
    return said._replace(readings=readings, refused=refused)


def _fitted(
    position: int,
    reading: Decoded,
    said: Said,
    units: Mapping[str, str | None],
    wanted: Mapping[str, str | None],
    refused: list[RefusedPart],
) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    for name, value in reading.values.items():
        if name in wanted:
            if type(value) is float or type(value) is int:
                try:
                    change = conversion(units.get(name), wanted[name])
                except UnitsDiffer as error:
                    refused.append(
                        RefusedPart(
                            position, reading.seq, name, Reason.WRONG_TYPE, str(error), reading.boot
                        )
                    )
                    continue
                values[name] = value if change is None else change.of(value)
            else:
                values[name] = value
        elif not said.offers:
            values[name] = value  # and is refused as unknown
    return values
