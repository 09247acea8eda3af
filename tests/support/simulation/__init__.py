"""A simulation of the whole write path: many processes, servers in memory, one clock that nobody waits for.

`world.py` has the clock and the processes, each with an event loop of its own: one that is killed never runs again, one
that is stopped stands still, timers included, until it is continued. Whatever leaves a process is a call to a server
(`servers.py`) that takes time, may be refused, and may be answered by an error though it was done. All that is left to
chance is drawn from one seed, so a history is repeated by its seed.

The servers are models with the semantics that the product relies on: `kafka.py` and `group.py`, `database.py`,
`serving_model.py` (held to serving.lua on a real server by a test). What runs on them is the product's own code: the
projector, its publisher and loader, the fold, the gateway and its frames. `store.py` and `pool.py` stand for asyncpg's
side of it, and know the statements that there are.

`history.py` puts a history together: `upstream.py` appends, `faults.py` and `audience.py` break things, `viewer.py` is
a browser, `checks.py` has what must hold at every position and at the end. `mutants.py` is the product with one thing
wrong each, so that a test can say that all of this would notice.
"""
