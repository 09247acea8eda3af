#!lua name=livestream_VERSION

-- The serving copy of the read model, and the one total order of deltas.
--
-- Everything a reader can see changes inside one call of `publish`, so any read is a state between two deltas
-- and can name its sequence. Batches, rows and shares are MessagePack arrays as livestream/deltas.py declares them; a
-- message's JSON passes through as an opaque string. Functions do not roll back: what can fail is checked before the
-- first write.
--
-- The version in these names is a digest of this file (client.py): a service that was upgraded loads its own Functions beside the ones that
-- those before it still call.
--
-- `{livestream}:meta` holds the epoch, the server's run_id that the epoch belongs to, the sequence, and per partition p
-- the next offsets `m<p>` (messages.v1) and `u<p>` (users.v1) and totals `tm<p>` (messages) and `tc<p>` (channels); also
-- `r<p>`, how many steps users' counts have made to follow deletions of channels, and `rc<p>`, of how many there are more.
-- The rest lives below `{livestream}:<epoch>:`
--   messages    sorted set: score ts_ms, member channel NUL offset: the newest messages
--   rows        hash: member -> MessageRow
--   deltas      stream: `<sequence>-0`
--   marks       sorted set: time in ms -> sequence, to trim the stream by age
--   activity    hash: number of a step of time -> how many messages came in it; a step that is not there is not known
--   channels:rows, users:rows                  hash: name -> NameRow
--   {channels,users}:{messages,last,name}      sorted sets: the orders; scores are negative so that ties go by name
--   shares      hash: user -> list of UserShare
--   floor       (ts_ms, member): where there is one, older messages may be in Postgres only
--   erasures    sorted set: time in ms -> sequence of a user's deletion: what the stream holds before it goes then
--   ended       hash: user -> the newest deletion's time in ms, whichever partition published it first
--   staged      how many calls of `stage` filled the epoch, as far as this server remembers

local BASE = '{livestream}:'
local META = BASE .. 'meta'
local PROGRESS = BASE .. 'progress'
local REBUILD = BASE .. 'rebuild'

local KEPT_MESSAGES = 1000       -- five times the largest window, so that single removals need no refill
local FEW_MESSAGES = 400         -- twice the largest window: below this it has to be filled again from Postgres
local RETAINED_MS = 15 * 60000   -- the contract says ten minutes; readers are spared the last seconds' race
local MARK_EVERY_MS = 5000
local ERASE_AFTER_MS = 5000      -- followers are past a deletion by then; whoever is not starts anew
local AT_ONCE = 1000             -- names in one command: its arguments have to fit on Lua's stack
local ACTIVITY_STEP_MS = 5000    -- fine enough for messages per minute, and 120 fields for what pages show
local ACTIVITY_KEPT_MS = 660000  -- pages show the last ten minutes, and the step that these begin in
local STAGED_SECONDS = 3600      -- a loader that died leaves nothing for longer

local KEYS_OF_EPOCH = {
  'messages', 'rows', 'deltas', 'marks', 'activity', 'shares', 'ended', 'erasures', 'floor', 'staged',
  'channels:rows', 'channels:messages', 'channels:last', 'channels:name',
  'users:rows', 'users:messages', 'users:last', 'users:name',
}

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

-- A hash as a table, or nil where no epoch belongs to this run of this server.
local function read_meta()
  local flat = redis.call('HGETALL', META)
  local meta = {}
  for i = 1, #flat, 2 do meta[flat[i]] = flat[i + 1] end
  if not meta.epoch or meta.run_id ~= run_id() then return nil end
  return meta
end

local function epoch_key(epoch, name)
  return BASE .. epoch .. ':' .. name
end

local function number(value)
  return tonumber(value or 0)
end

local function totals_of(meta, epoch)
  local messages, channels = 0, 0
  for field, value in pairs(meta) do
    local kind = string.sub(field, 1, 2)
    if kind == 'tm' then messages = messages + value elseif kind == 'tc' then channels = channels + value end
  end
  return { messages, channels, redis.call('ZCARD', epoch_key(epoch, 'users:messages')) }
end

-- strcoll depends on the server's locale; the order of names is that of their bytes.
local function bytes_before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function newer_display(a, b)
  if a[6] ~= b[6] then return a[6] > b[6] end
  if a[7] ~= b[7] then return bytes_before(b[7], a[7]) end
  return a[8] > b[8]
end

-- Calls a command with many arguments, which are taken `width` at a time: so many calls cost more than what they do.
local function call_in_chunks(command, key, arguments, width)
  local size = AT_ONCE * width
  for first = 1, #arguments, size do
    redis.call(command, key, unpack(arguments, first, math.min(first + size - 1, #arguments)))
  end
end

local function get_in_chunks(key, names)
  local values = {}
  for first = 1, #names, AT_ONCE do
    for _, value in ipairs(redis.call('HMGET', key, unpack(names, first, math.min(first + AT_ONCE - 1, #names)))) do
      values[#values + 1] = value
    end
  end
  return values
end

-- Writes NameRows, each name once, into their hash and orders, or takes them out at zero. Returns whether a count fell.
local function put_rows(epoch, kind, rows)
  local names, fell = {}, false
  for i, row in ipairs(rows) do names[i] = row[1] end
  local key = epoch_key(epoch, kind .. ':rows')
  local held, put, by_messages, by_last, new, gone = get_in_chunks(key, names), {}, {}, {}, {}, {}
  for i, row in ipairs(rows) do
    local name, messages, before = row[1], row[3], held[i]
    fell = fell or (before and cmsgpack.unpack(before)[3] > messages) or false
    if messages > 0 then
      put[#put + 1], put[#put + 2] = name, cmsgpack.pack(row)
      by_messages[#by_messages + 1], by_messages[#by_messages + 2] = -messages, name
      by_last[#by_last + 1], by_last[#by_last + 2] = -row[4], name
      if not before then new[#new + 1], new[#new + 2] = 0, name end
    elseif before then
      gone[#gone + 1] = name
    end
  end
  call_in_chunks('HSET', key, put, 2)
  call_in_chunks('HDEL', key, gone, 1)
  for order, scores in pairs({ [':messages'] = by_messages, [':last'] = by_last, [':name'] = new }) do
    call_in_chunks('ZADD', epoch_key(epoch, kind .. order), scores, 2)
    call_in_chunks('ZREM', epoch_key(epoch, kind .. order), gone, 1)
  end
  return fell
end

local function merge_shares(name, shares)
  local messages, last, last_of_none, display = 0, nil, nil, shares[1]
  for _, share in ipairs(shares) do
    messages = messages + share[3]
    if share[3] > 0 then last = math.max(last or share[4], share[4]) end
    last_of_none = math.max(last_of_none or share[4], share[4])
    if newer_display(share, display) then display = share end
  end
  return { name, display[5], messages, last or last_of_none }
end

-- Puts partitions' shares of users into place. Returns the merged rows of those users, and whether any count fell.
local function put_shares(epoch, shares)
  local key = epoch_key(epoch, 'shares')
  local known, names = {}, {}
  for _, share in ipairs(shares) do
    if not known[share[2]] then
      names[#names + 1] = share[2]
      known[share[2]] = {}
    end
  end
  for i, held in ipairs(get_in_chunks(key, names)) do
    if held then known[names[i]] = cmsgpack.unpack(held) end
  end
  for _, share in ipairs(shares) do
    local list = known[share[2]]
    local place = #list + 1
    for i, held in ipairs(list) do
      if held[1] == share[1] then place = i end
    end
    list[place] = share
  end
  local rows, put = {}, {}
  for i, name in ipairs(names) do
    put[2 * i - 1], put[2 * i] = name, cmsgpack.pack(known[name])
    rows[i] = merge_shares(name, known[name])
  end
  call_in_chunks('HSET', key, put, 2)
  return rows, put_rows(epoch, 'users', rows)
end

-- The newest messages are whole down to a floor: what lies below it is in Postgres only, late messages as well.
local function put_messages(epoch, rows)
  local order, hash, floor_key = epoch_key(epoch, 'messages'), epoch_key(epoch, 'rows'), epoch_key(epoch, 'floor')
  local held = redis.call('GET', floor_key)
  local floor = held and cmsgpack.unpack(held)
  for _, row in ipairs(rows) do
    if not floor or row[1] > floor[1] or (row[1] == floor[1] and not bytes_before(row[2], floor[2])) then
      redis.call('ZADD', order, row[1], row[2])
      redis.call('HSET', hash, row[2], cmsgpack.pack(row))
    end
  end
  for _, member in ipairs(redis.call('ZRANGE', order, 0, -KEPT_MESSAGES - 1)) do
    redis.call('ZREM', order, member)
    redis.call('HDEL', hash, member)
  end
  if redis.call('ZCARD', order) == KEPT_MESSAGES then
    local lowest = redis.call('ZRANGE', order, 0, 0, 'WITHSCORES')
    redis.call('SET', floor_key, cmsgpack.pack({ number(lowest[2]), lowest[1] }))
  end
end

-- Whether removals have left so few of the newest messages that a new epoch should be loaded: there may be older ones.
local function is_worn(epoch)
  return redis.call('ZCARD', epoch_key(epoch, 'messages')) < FEW_MESSAGES
    and redis.call('EXISTS', epoch_key(epoch, 'floor')) == 1
end

local function drop_message(epoch, member)
  redis.call('ZREM', epoch_key(epoch, 'messages'), member)
  redis.call('HDEL', epoch_key(epoch, 'rows'), member)
end

-- Takes along the messages of removed channels (field 5) or users (field 4), up to the time of the removal. Followers do
-- the same and know `ts` only; messages that are hidden although their `ts` is later are removed one by one.
local function drop_messages_of(epoch, field, removals)
  if #removals == 0 then return end
  local up_to = {}
  for _, removal in ipairs(removals) do up_to[removal[1]] = math.max(up_to[removal[1]] or removal[2], removal[2]) end
  local flat = redis.call('HGETALL', epoch_key(epoch, 'rows'))
  for i = 1, #flat, 2 do
    local row = cmsgpack.unpack(flat[i + 1])
    if up_to[row[field]] and row[1] <= up_to[row[field]] then drop_message(epoch, flat[i]) end
  end
end

-- A user's deletion reaches followers with the first partition that folded it. What another partition, which has not,
-- still publishes of that user is not shown. Returns the rows to show and the members of the others.
local function without_ended(epoch, rows)
  local ended = epoch_key(epoch, 'ended')
  if redis.call('HLEN', ended) == 0 then return rows, {} end
  local shown, hidden = {}, {}
  for _, row in ipairs(rows) do
    local up_to = redis.call('HGET', ended, row[4])
    if up_to and row[1] <= tonumber(up_to) then hidden[#hidden + 1] = row[2] else shown[#shown + 1] = row end
  end
  return shown, hidden
end

local function end_users(epoch, removals)
  local ended = epoch_key(epoch, 'ended')
  for _, removal in ipairs(removals) do
    local held = tonumber(redis.call('HGET', ended, removal[1]) or removal[2])
    redis.call('HSET', ended, removal[1], string.format('%.0f', math.max(held, removal[2])))
  end
end

-- 'apply' where the batch continues from what is held, 'duplicate' where it is held, else 'behind' or 'conflict'.
local function continuity(meta, positions)
  local fresh, held = 0, 0
  for _, step in ipairs(positions) do
    local is_held, is_next, is_ahead = true, true, true
    for place, field in pairs({ [2] = 'm', [4] = 'u', [8] = 'r' }) do
      local at, from, to = number(meta[field .. step[1]]), number(step[place]), number(step[place + 1])
      is_held, is_next, is_ahead = is_held and to <= at, is_next and from == at, is_ahead and from >= at
    end
    if is_held then
      held = held + 1
    elseif is_next then
      fresh = fresh + 1
    else
      return is_ahead and 'behind' or 'conflict'
    end
  end
  if fresh == 0 then return 'duplicate' end
  return held == 0 and 'apply' or 'conflict'
end

-- The age of the log is known by marks: at such a time it had come to such a sequence.
local function mark(epoch, sequence, now)
  local marks = epoch_key(epoch, 'marks')
  local newest = redis.call('ZRANGE', marks, -1, -1, 'WITHSCORES')
  if #newest > 0 and (number(newest[1]) == sequence or now - newest[2] < MARK_EVERY_MS) then return end
  redis.call('ZADD', marks, now, string.format('%.0f', sequence))
end

-- Drops deltas that are too old, and those before a user's deletion, whose text must not be kept. The newest one of them
-- stays: the log always tells which sequence comes first.
local function trim(epoch, now)
  for name, due in pairs({ marks = now - RETAINED_MS, erasures = now }) do
    local key = epoch_key(epoch, name)
    local newest = redis.call('ZRANGE', key, due, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)[1]
    if newest then
      redis.call('XTRIM', epoch_key(epoch, 'deltas'), 'MINID', newest .. '-0')
      redis.call('ZREMRANGEBYSCORE', key, '-inf', due)
    end
  end
end

-- Counts messages into the step that `now` lies in. What is counted never falls: a deletion takes nothing back that came.
local function count_activity(epoch, now, messages)
  local step = string.format('%.0f', math.floor(now / ACTIVITY_STEP_MS))
  redis.call('HINCRBY', epoch_key(epoch, 'activity'), step, string.format('%.0f', messages))
end

local function trim_activity(epoch, now)
  local key, first = epoch_key(epoch, 'activity'), math.floor((now - ACTIVITY_KEPT_MS) / ACTIVITY_STEP_MS)
  for _, step in ipairs(redis.call('HKEYS', key)) do
    if tonumber(step) < first then redis.call('HDEL', key, step) end
  end
end

-- publish(batch, generation, traces) -> {'ok' | 'few' | 'duplicate', epoch, sequence} | {'behind' | 'conflict' | 'no-epoch' | 'generation'}
-- The epoch has the batch, and its log stands at the sequence. `traces` goes along unread.
-- 'few': it is in, but removals have left so few of the newest messages that a new epoch should be loaded.
local function publish(_, args)
  local meta = read_meta()
  if not meta then return { 'no-epoch' } end
  if meta.generation ~= args[2] then return { 'generation' } end
  local batch = cmsgpack.unpack(args[1])
  local positions, messages, removed, removed_channels, removed_users = batch[1], batch[2], batch[3], batch[4], batch[5]
  local verdict = continuity(meta, positions)
  if verdict == 'duplicate' then return { verdict, meta.epoch, number(meta.sequence) } end
  if verdict ~= 'apply' then return { verdict } end

  local epoch, now = meta.epoch, now_ms()
  local shrinks = #removed + #removed_channels + #removed_users > 0
  for _, message in ipairs(removed) do drop_message(epoch, message[4]) end
  drop_messages_of(epoch, 5, removed_channels)
  drop_messages_of(epoch, 4, removed_users)
  end_users(epoch, removed_users)
  local shown, hidden = without_ended(epoch, messages)
  put_messages(epoch, shown)
  shrinks = put_rows(epoch, 'channels', batch[6]) or shrinks
  local users, fell = put_shares(epoch, batch[7])
  local changed, came = {}, 0
  for _, step in ipairs(positions) do
    came = came + math.max(0, step[6] - number(meta['tm' .. step[1]]))
    for field, value in pairs({ m = step[3], u = step[5], tm = step[6], tc = step[7], r = number(step[9]), rc = number(step[10]) }) do
      meta[field .. step[1]] = value
      changed[#changed + 1] = field .. step[1]
      changed[#changed + 1] = string.format('%.0f', value)
    end
  end
  local sequence = number(meta.sequence) + 1
  redis.call('HSET', META, 'sequence', string.format('%.0f', sequence), 'as_of', string.format('%.0f', now), unpack(changed))
  redis.call('XADD', epoch_key(epoch, 'deltas'), string.format('%.0f-0', sequence),
    'batch', args[1], 'users', cmsgpack.pack(users), 'totals', cmsgpack.pack(totals_of(meta, epoch)),
    'as_of', string.format('%.0f', now), 'shrinks', (shrinks or fell) and '1' or '0',
    'hidden', cmsgpack.pack(hidden), 'traces', args[3] or '')
  mark(epoch, sequence, now)
  count_activity(epoch, now, came)
  if #removed_users > 0 then
    redis.call('ZADD', epoch_key(epoch, 'erasures'), now + ERASE_AFTER_MS, string.format('%.0f', sequence))
  end
  return { shrinks and is_worn(epoch) and 'few' or 'ok', epoch, sequence }
end

-- stage(epoch, kind, rows): a loader fills keys of an epoch that nobody reads yet. kind: messages, channels, shares, ended
local function stage(_, args)
  local epoch, kind, rows = args[1], args[2], cmsgpack.unpack(args[3])
  if kind == 'messages' then
    put_messages(epoch, rows)
  elseif kind == 'channels' then
    put_rows(epoch, 'channels', rows)
  elseif kind == 'shares' then
    put_shares(epoch, rows)
  else
    end_users(epoch, rows)
  end
  redis.call('INCR', epoch_key(epoch, 'staged'))
  for _, name in ipairs(KEYS_OF_EPOCH) do redis.call('EXPIRE', epoch_key(epoch, name), STAGED_SECONDS) end
  return 'ok'
end

-- switch(epoch, generation, partitions, positions, replaces, staged) with positions [[partition, messages_offset,
-- users_offset, messages, channels, recounts, recounting]]
-- -> 'ok': readers see the staged epoch from now on, and the one before is gone. 'superseded' where the epoch held is not
-- the one that the loader set out to replace ('' for none): a loader that was stopped for long comes too late. 'lost'
-- where not all of the `staged` calls are remembered: the server was emptied or restarted between them.
local function switch(_, args)
  local held = read_meta()
  if (held and held.epoch or '') ~= args[5] then return 'superseded' end
  if number(redis.call('GET', epoch_key(args[1], 'staged'))) ~= number(args[6]) then return 'lost' end
  local before = redis.call('HGET', META, 'epoch')
  local fields = {
    'epoch', args[1], 'generation', args[2], 'partitions', args[3], 'run_id', run_id(),
    'sequence', '0', 'as_of', string.format('%.0f', now_ms()),
  }
  for _, held in ipairs(cmsgpack.unpack(args[4])) do
    for i, field in ipairs({ 'm', 'u', 'tm', 'tc', 'r', 'rc' }) do
      fields[#fields + 1] = field .. held[1]
      fields[#fields + 1] = string.format('%.0f', held[i + 1])
    end
  end
  -- What came is not told anew by what a loader reads: it goes over. The time between the two epochs is not known.
  if before and before ~= args[1] and redis.call('EXISTS', epoch_key(before, 'activity')) == 1 then
    redis.call('RENAME', epoch_key(before, 'activity'), epoch_key(args[1], 'activity'))
  end
  for _, name in ipairs(KEYS_OF_EPOCH) do
    redis.call('PERSIST', epoch_key(args[1], name))
    if before then redis.call('UNLINK', epoch_key(before, name)) end
  end
  redis.call('DEL', META)
  redis.call('HSET', META, unpack(fields))
  return 'ok'
end

local function held_rows(key, names)
  local rows = {}
  for i, name in ipairs(names) do rows[i] = redis.call('HGET', key, name) or '' end
  return rows
end

-- Where a read stands: {epoch, generation, sequence, now, totals, positions}
local function stand(meta)
  local positions = {}
  for field, value in pairs(meta) do
    local partition = string.match(field, '^m(%d+)$')
    if partition then
      positions[#positions + 1] = {
        number(partition), number(value), number(meta['u' .. partition]),
        number(meta['r' .. partition]), number(meta['rc' .. partition]),
      }
    end
  end
  return {
    meta.epoch, meta.generation, meta.sequence, string.format('%.0f', now_ms()),
    cmsgpack.pack(totals_of(meta, meta.epoch)), cmsgpack.pack(positions),
  }
end

-- windows(messages, channels, users) -> {stand, newest messages in order, channels, users by messages} or nil
-- nil also where the epoch is so worn that it may lack some of them: fewer than there are must not be shown.
local function windows(_, args)
  local meta = read_meta()
  if not meta then return nil end
  local members = redis.call('ZRANGE', epoch_key(meta.epoch, 'messages'), -number(args[1]), -1)
  if #members < number(args[1]) and number(args[1]) <= FEW_MESSAGES and is_worn(meta.epoch) then return nil end
  if args[1] == '0' then members = {} end
  local result = { stand(meta), held_rows(epoch_key(meta.epoch, 'rows'), members) }
  for i, kind in ipairs({ 'channels', 'users' }) do
    local names = {}
    if args[i + 1] ~= '0' then
      names = redis.call('ZRANGE', epoch_key(meta.epoch, kind .. ':messages'), 0, number(args[i + 1]) - 1)
    end
    result[i + 2] = held_rows(epoch_key(meta.epoch, kind .. ':rows'), names)
  end
  return result
end

-- names(kind, name...) -> {stand, rows}; a row is '' where there is none
local function names(_, args)
  local meta = read_meta()
  if not meta then return nil end
  local wanted = {}
  for i = 2, #args do wanted[i - 1] = args[i] end
  return { stand(meta), held_rows(epoch_key(meta.epoch, args[1] .. ':rows'), wanted) }
end

-- How many members stand before or at (score, name), whether or not the name still stands there. No name holds NUL.
local function rank_after(key, score, name)
  local probe = name .. '\0'
  redis.call('ZADD', key, score, probe)
  local rank = redis.call('ZRANK', key, probe)
  redis.call('ZREM', key, probe)
  return rank
end

-- page(kind, order, limit, [score, name]) -> {stand, rows, last score}; order: messages, last, name
local function page(_, args)
  local meta = read_meta()
  if not meta then return nil end
  local key = epoch_key(meta.epoch, args[1] .. ':' .. args[2])
  local start = args[5] and rank_after(key, args[4], args[5]) or 0
  local found = redis.call('ZRANGE', key, start, start + number(args[3]) - 1, 'WITHSCORES')
  local wanted = {}
  for i = 1, #found, 2 do wanted[#wanted + 1] = found[i] end
  return { stand(meta), held_rows(epoch_key(meta.epoch, args[1] .. ':rows'), wanted), found[#found] or '' }
end

-- report([[partition, log end, folded offset, newest append time in ms, lag in ms]]): what a projector sees, once a second
local function report(_, args)
  local now = now_ms()
  for _, line in ipairs(cmsgpack.unpack(args[1])) do
    line[6] = now
    redis.call('HSET', PROGRESS, string.format('%.0f', line[1]), cmsgpack.pack(line))
  end
  local meta = read_meta()
  if not meta then return 'no-epoch' end
  mark(meta.epoch, number(meta.sequence), now)
  trim(meta.epoch, now)
  count_activity(meta.epoch, now, 0)
  trim_activity(meta.epoch, now)
  return 'ok'
end

-- activity() -> {now, messages in all, step in ms, {step, messages, ...}} or nil: how many messages came in each step of
-- the last minutes. A step in which nothing was published or reported is not there.
local function activity(_, _)
  local meta = read_meta()
  if not meta then return nil end
  return {
    string.format('%.0f', now_ms()), totals_of(meta, meta.epoch)[1], ACTIVITY_STEP_MS,
    redis.call('HGETALL', epoch_key(meta.epoch, 'activity')),
  }
end

-- status() -> {now, epoch or '', sequence, generation, partitions, newest ts or '', rebuild progress or '', reports, worn}
-- worn: '1' where a new epoch should be loaded, else ''
local function status(_, _)
  local meta = read_meta() or {}
  local newest = ''
  if meta.epoch then
    local first = redis.call('ZRANGE', epoch_key(meta.epoch, 'channels:last'), 0, 0, 'WITHSCORES')
    if #first > 0 then newest = string.format('%.0f', -first[2]) end
  end
  return {
    string.format('%.0f', now_ms()), meta.epoch or '', meta.sequence or '0', meta.generation or '0',
    meta.partitions or '0', newest,
    redis.call('GET', REBUILD) or '', redis.call('HVALS', PROGRESS),
    meta.epoch and is_worn(meta.epoch) and '1' or '',
  }
end

redis.register_function('livestream_VERSION_publish', publish)
redis.register_function('livestream_VERSION_stage', stage)
redis.register_function('livestream_VERSION_switch', switch)
redis.register_function('livestream_VERSION_page', page)
redis.register_function('livestream_VERSION_report', report)
redis.register_function({ function_name = 'livestream_VERSION_windows', callback = windows, flags = { 'no-writes' } })
redis.register_function({ function_name = 'livestream_VERSION_names', callback = names, flags = { 'no-writes' } })
redis.register_function({ function_name = 'livestream_VERSION_activity', callback = activity, flags = { 'no-writes' } })
redis.register_function({ function_name = 'livestream_VERSION_status', callback = status, flags = { 'no-writes' } })
