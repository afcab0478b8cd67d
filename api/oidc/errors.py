"""What can go wrong between Muster and the identity provider."""

from foundation.errors import NotPermitted, Unavailable

_OR_HERE = "Try again in a moment, or sign in with a password of Muster."


class ProviderAway(Unavailable):
    """The identity provider does not answer."""

    code = "provider_away"
    remedy = _OR_HERE


class ProviderUnusable(Unavailable):
    """The identity provider's answer cannot be used."""

    code = "provider_unusable"
    remedy = f"{_OR_HERE} Its administrator finds more in Muster's log."


class ProviderRefused(NotPermitted):
    """The identity provider did not sign you in."""

    code = "provider_refused"
    remedy = "Try again; if it happens again, ask the administrator of the identity provider."


class SignOnStale(NotPermitted):
    """This sign-in was begun in another browser, or too long ago, or is done already."""

    code = "sign_on_stale"
    remedy = "Begin again, at the sign-in page of Muster."


class TokenRefused(NotPermitted):
    """The identity provider's word about you is not believed."""

    code = "token_refused"
    remedy = "Begin again; if it happens again, ask an administrator of Muster."
