-- Figures: of the queue, and of each process.

--[[ stats: a snapshot of counters and places, so that the invariant can be checked at any moment:
placed - settled + updates pending = ready + active + delayed + dead.
KEYS  count, ready, delayed, dead, workers, paused, active, ... (one per registered worker)
ARGV  (none)
-> {'stats', placed, settled, updates pending, ready, active, delayed, dead, is paused} |
   {'changed'} when a worker has come or gone since the caller read the set: ask again ]]
local function stats(keys)
    local count, ready, delayed, dead = keys[1], keys[2], keys[3], keys[4]
    local workers, paused = keys[5], keys[6]
    local members, is_registered = redis.call('SMEMBERS', workers), {}
    for _, id in ipairs(members) do is_registered[id] = true end
    if #members ~= #keys - 6 then return { 'changed' } end
    local n, active = read(count, 'placed', 'settled'), 0
    for i = 7, #keys do
        if not is_registered[string.match(keys[i], ':active:(.+)$')] then return { 'changed' } end
        active = active + count_active(keys[i])
    end
    return { 'stats', tonumber(n.placed or 0), tonumber(n.settled or 0), updates_pending(count),
             redis.call('LLEN', ready), active, redis.call('ZCARD', delayed),
             redis.call('ZCARD', dead), redis.call('EXISTS', paused) }
end

--[[ active: what a worker holds, whichever kind of key it is.
KEYS  active
ARGV  'length' | 'range', first, last (ranks from 0, -1 the last) | 'find', id
-> how many | {id, ...} | {a rank, ...} one per entry of this job, as LPOS with COUNT 0 says it ]]
local function look_active(keys, argv)
    local key, what = keys[1], argv[1]
    if what == 'length' then return count_active(key) end
    if what == 'range' then return active_ids(key, tonumber(argv[2]), tonumber(argv[3])) end
    if is_list(key) then return redis.call('LPOS', key, argv[2], 'COUNT', 0) end
    return redis.call('HEXISTS', key, argv[2]) == 1 and { 0 } or {}
end

--[[ live_write: the metrics of one process, which /metrics and the monitor sum up. They expire
`ttl` ms after the last write. As one fact: written but not made to expire, they would stay for
ever.
KEYS  live processes, figures of this one
ARGV  process, time to live (ms), field, value, ...
-> {'written'} ]]
local function live_write(keys, argv)
    local processes, figures, process, ttl = keys[1], keys[2], argv[1], integer_arg(argv[2], 1)
    if #argv % 2 ~= 0 or #argv < 4 then return redis.error_reply('TIFFIN a value per field') end
    local now = now_ms()
    redis.call('HSET', figures, unpack(argv, 3))
    redis.call('PEXPIRE', figures, ttl)
    redis.call('ZADD', processes, now, process)
    redis.call('ZREMRANGEBYSCORE', processes, '-inf', now - 10 * ttl)
    return { 'written' }
end

register('stats', stats, 'no-writes')
register('active', look_active, 'no-writes')
register('live_write', live_write, 'allow-oom')
