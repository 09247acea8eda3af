"""How users' counts follow the deletion of a channel: in steps, since a channel may have millions of users. Pure.

A deletion takes the channel's own count away at once, and those of its first pairs. Every other pair is left as it is,
older than the deletion (`PairState.counted_from_ms`), and so is its part in its user's count, until it is settled: when
a further step comes to it, or sooner, when an event touches it. In between, a user's count is what its pairs say,
settled or not; once none is left to settle, it is the number of visible messages again.
"""

from livestream.fold.changes import Changes
from livestream.fold.state import Prior, UserKey


def settle(changes: Changes) -> None:
    """Bring the pairs that were read up to the deletions of their channels, and their users with them."""
    prior = changes.prior
    for key, pair in prior.pairs.items():
        channel = prior.channels[key.channel]
        if pair.counted_from_ms >= channel.deleted_ms:
            continue
        pair.counted_from_ms = channel.deleted_ms
        if not pair.messages:
            continue
        user_key = UserKey(channel.partition, key.user)
        user = prior.users[user_key]
        user.messages -= pair.messages
        pair.messages = 0
        changes.pairs.add(key)
        changes.users.add(user_key)
        if pair.last_ms >= user.last_ms:
            changes.users_to_recount.add(user_key)


def fold_recount(partition: int, channel: str, prior: Prior, reached: str | None) -> Changes:
    """One step. `prior` holds the channel, the next of its pairs, and their users; `reached`: see `go_on`."""
    changes = Changes(prior)
    prior.partitions[partition].recounts += 1
    settle(changes)
    go_on(changes, partition, channel, reached)
    return changes


def go_on(changes: Changes, partition: int, channel: str, reached: str | None) -> None:
    """Note that users up to the name `reached` have followed the channel's deletion; None where all have."""
    was_recounting = channel in changes.prior.recounting
    if reached is None and not was_recounting:
        return
    changes.recounting[channel] = reached
    changes.prior.partitions[partition].recounting += (reached is not None) - was_recounting
