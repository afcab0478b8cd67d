"""Numbers as people fill them into forms."""

import math

from foundation.errors import Invalid


def number_given(text: str, field: str, refusal: type[Invalid]) -> float | None:
    """What a field says; None where it is empty, `refusal` where it is no number."""
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        why = f"This is no number: {text[:32]}"
        raise refusal(why, field=field, remedy="Give a number such as 21.5.")
    return number
