"""What can go wrong between the broker and us."""

from foundation.errors import Refused


class BrokerRefused(Refused):
    """The broker does not let the bridge in."""

    code = "broker_refused"
    remedy = (
        "Check the account in MUSTER_BROKER_URL, MUSTER_BROKER_PASSWORD_FILE and "
        "MUSTER_BROKER_CA_FILE, and that this account may subscribe below the topic prefix."
    )
