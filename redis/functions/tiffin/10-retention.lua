--[[ Retention. Memory is short from 60 % of maxmemory on, until it is below 50 %
(fcgi/order/memory.h); then this is dropped, in this order, and nothing else is:

    1. events but the newest 20,000, the chat's history but the newest 1,000 messages
    2. settled orders, the oldest first, each with its entry in the gateway's ledger

All else that clients can make Redis hold has a bound of its own: an Idempotency-Key goes after 24 h
and not before, because until then a repeat must not order twice (its order may be gone by then; the
repeat is answered with its id, and GET says 404); a published update goes after a minute, and at
most 1,000 are pending; a user's list has 10 ids. Where all that and unsettled orders fill 80 %, the
API takes no new orders and updates until there is room again.

One worker at a time goes through the index from its old end, some orders per round:

    oldest ---> release ---> gateway_forget ---> forget
    the next    marks those  their entries in    the marked
    orders      settled      the ledger          ones go

The ledger's entry goes first: after a crash in between, the order is still there, marked, and the
next round begins with it. ]]

local EVENTS_KEPT_SHORT = 10000 -- while memory is short
local CHAT_KEPT_SHORT = 1000    -- while memory is short; up to TIFFIN_CHAT_MAX_BYTES each

--[[ trim: drops from the index the orders that have expired. For workers of version 1; later ones
call release.
KEYS  index, order, ...
ARGV  id, ... (one per order key)
-> {'trimmed', how many} ]]
local function trim(keys, argv)
    if #keys - 1 ~= #argv then return redis.error_reply('TIFFIN one id per job key') end
    local n = 0
    for i = 2, #keys do
        if redis.call('EXISTS', keys[i]) == 0 then
            n = n + redis.call('ZREM', keys[1], argv[i - 1])
        end
    end
    return { 'trimmed', n }
end

--[[ oldest: takes or renews the lease on this work, and returns the orders that come next. The
lease (turn) ends when it is not renewed for `turn` ms. Its key holds "<worker> <when>".
KEYS  turn, index, events, chat log
ARGV  worker id, turn (ms), rank in the index from which on, how many at most, placed at least how
      long ago (ms), 1 = memory is short: trim events and chat
-> {'oldest', id, ...} | {'waiting'} another worker has the lease ]]
local function oldest(keys, argv)
    local turn, index, events, log = keys[1], keys[2], keys[3], keys[4]
    local worker, turn_ms, first = argv[1], integer_arg(argv[2], 1), integer_arg(argv[3], 0)
    local n, age, is_short = integer_arg(argv[4], 1), integer_arg(argv[5], 0), argv[6] == '1'
    local now = now_ms()

    local holder, at = string.match(redis.call('GET', turn) or '', '^(%S+) (%d+)$')
    if holder and holder ~= worker and math.abs(now - at) < turn_ms then return { 'waiting' } end
    redis.call('SET', turn, string.format('%s %.0f', worker, now), 'PX', turn_ms)
    if is_short then
        redis.call('XTRIM', events, 'MAXLEN', '~', EVENTS_KEPT_SHORT)
        redis.call('XTRIM', log, 'MAXLEN', '~', CHAT_KEPT_SHORT)
    end
    local out, found = { 'oldest' }, redis.call('ZRANGE', index, first, first + n - 1, 'WITHSCORES')
    for i = 1, #found, 2 do
        if tonumber(found[i + 1]) > now - age then break end
        out[#out + 1] = found[i]
    end
    return out
end

--[[ release: drops from the index the orders that have expired; marks those that are settled as
leaving, when memory is short. From then on their entries in the ledger may be gone.
KEYS  index, order, ...
ARGV  1 = memory is short, id, ... (one per order key)
-> {'released', how many stay, payment key, ...} (of those that leave and have one) ]]
local function release(keys, argv)
    local index, is_short, stay = keys[1], argv[1] == '1', 0
    if #keys ~= #argv then return redis.error_reply('TIFFIN one id per job key') end
    local out = { 'released', 0 }
    for i = 2, #keys do
        local o = read(keys[i], 'step', 'payment_key')
        if not o.step and redis.call('EXISTS', keys[i]) == 0 then
            redis.call('ZREM', index, argv[i])
        elseif is_short and o.step == 'settled' then
            redis.call('HSET', keys[i], 'leaving', 1)
            out[#out + 1] = o.payment_key
        else
            stay = stay + 1
        end
    end
    out[2] = stay
    return out
end

--[[ forget: deletes the orders that are marked as leaving. The counters say how many ever were, and
when the youngest of them was placed (forgotten_to, ms): so fsck knows whether a missing order may
be one.
KEYS  index, count, order, ...
ARGV  id, ... (one per order key)
-> {'forgotten', how many} ]]
local function forget(keys, argv)
    local index, count, n = keys[1], keys[2], 0
    if #keys - 2 ~= #argv then return redis.error_reply('TIFFIN one id per job key') end
    local to = tonumber(read(count, 'forgotten_to').forgotten_to or 0)
    for i = 3, #keys do
        local o = read(keys[i], 'step', 'leaving')
        if o.leaving and o.step == 'settled' then
            to = math.max(to, tonumber(redis.call('ZSCORE', index, argv[i - 2]) or 0))
            redis.call('ZREM', index, argv[i - 2])
            redis.call('EXPIRE', keys[i], 0) -- now
            n = n + 1
        end
    end
    if n > 0 then
        redis.call('HINCRBY', count, 'orders_forgotten', n)
        redis.call('HSET', count, 'forgotten_to', string.format('%.0f', to))
    end
    return { 'forgotten', n }
end

register('trim', trim, 'allow-oom')
register('oldest', oldest, 'allow-oom')
register('release', release, 'allow-oom')
register('forget', forget, 'allow-oom')
