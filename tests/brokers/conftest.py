"""The small world of the API's tests, for the brokers that ask it."""

from tests.api.conftest import built_world, house

__all__ = ["built_world", "house"]
