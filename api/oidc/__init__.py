"""Sign-on through an identity provider (OpenID Connect Core 1.0): authorization code with PKCE.

Here: what is asked of the provider, and what is believed of its answers. Who may enter, and as
what, `registry.sign_on` says. Nothing here keeps a token of the provider's.
"""
