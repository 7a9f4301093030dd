"""aioice's part in scripts/bench-ice: how long two of its connections in one process take from both
lists known to a path.

Each line of standard input is a round; the answer is a line with the nanoseconds until both are
connected. One host candidate each, on 127.0.0.1.
"""

import asyncio
import sys
import time

import aioice
import aioice.ice

# It leaves out loopback addresses otherwise.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


async def one_round():
    sides = [aioice.Connection(ice_controlling=controls) for controls in (True, False)]
    for side in sides:
        await side.gather_candidates()
    for ours, theirs in (sides, sides[::-1]):
        assert len(theirs.local_candidates) == 1, theirs.local_candidates
        ours.remote_username = theirs.local_username
        ours.remote_password = theirs.local_password
        await ours.add_remote_candidate(theirs.local_candidates[0])
        await ours.add_remote_candidate(None)
    known = time.perf_counter_ns()
    await asyncio.gather(*(side.connect() for side in sides))
    took = time.perf_counter_ns() - known
    await asyncio.gather(*(side.close() for side in sides))
    return took


async def main():
    lines = iter(sys.stdin.readline, "")
    for _ in lines:
        print(await one_round(), flush=True)


asyncio.run(main())
