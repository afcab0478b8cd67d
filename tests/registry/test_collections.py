"""Collections: one name of an owner, whoever asks at the same time."""

from foundation.database import Pool
from registry import collections
from registry.life_errors import CollectionNameTaken
from tests.country import everything
from tests.registry.test_parts import outcomes, split


async def test_one_of_many_who_want_a_name_at_once_has_it(pool: Pool) -> None:
    """Of a client's collections one is called so; another client's may be, too."""

    async def found(client: str) -> tuple[int, set[type]]:
        return split(
            await outcomes(
                pool,
                *(
                    lambda c: collections.create(c, everything, name="north", group_client=client)
                    for _ in range(4)
                ),
            )
        )

    assert await found("power-js") == (1, {CollectionNameTaken})
    assert await found("power-zj") == (1, {CollectionNameTaken})
