"""`python -m deploy.bench.look_up`: reads the directory as the bridge does, and measures it."""

import asyncio
import json
import os
import time

from deploy.bench.processes import resident_megabytes
from foundation.database import open_pool, transaction
from registry.directory import Directory

_DRAWN = "select code from registry.terminal where id % 150 = 1 order by random() limit 20000"


async def main() -> None:
    """Print seconds, resident megabytes and the cost of a look-up."""
    dsn = os.environ["MUSTER_DATABASE_URL"]
    before = resident_megabytes(os.getpid())
    async with await open_pool(dsn, name="bench") as pool:
        directory = Directory(pool)
        began = time.perf_counter()
        await directory.load()
        seconds = time.perf_counter() - began
        async with transaction(pool) as conn:
            listed = await conn.execute(_DRAWN)
            codes = [row["code"] async for row in listed]
    resident = resident_megabytes(os.getpid())
    began = time.perf_counter()
    found = sum(directory.find(code) is not None for code in codes)
    look_up_us = (time.perf_counter() - began) * 1e6 / len(codes)
    said = {"terminals": len(directory), "seconds": round(seconds, 2)}
    assert found == len(codes)
    said |= {"resident_mb": round(resident, 1), "grew_mb": round(resident - before, 1)}
    print(json.dumps(said | {"look_up_us": round(look_up_us, 2)}))


if __name__ == "__main__":
    asyncio.run(main())
