/** What a frame removes: predicates over messages, and over the names of channels or users. */
export function removalsOf({ removed = {} }) {
  const ids = new Set((removed.messages ?? []).map(([channel, id]) => `${channel}\0${id}`));
  const upTo = { channels: new Map(removed.channels), users: new Map(removed.users) };
  const takenAlong = (reach, name, ts) => reach.has(name) && ts <= reach.get(name);
  return {
    message: ({ channel, id, user, ts }) =>
      ids.has(`${channel}\0${id}`) || takenAlong(upTo.channels, channel, ts) || takenAlong(upTo.users, user, ts),
    name: (kind) => (row) => upTo[kind].has(row.name),
  };
}
