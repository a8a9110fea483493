#!lua name=tiffin

--[[ The only place where an order changes.

Each function is one atomic fact: Redis runs it whole, before anyone else, and appends its writes
to the AOF as one transaction. It does not roll back, so every function checks first and writes
last. Every key comes in KEYS (all share the hash tag {s00}, so one Redis Cluster slot), every
time comes from Redis' own clock, and no function ever trusts the clock of its caller.

An order's job is the order's id; where it stands in the queue is one of four places:

    place --> ready --take--> active:<worker> --step--> delayed --take--> active ... --> settled
                ^                |    ^  (waits 0: kept in hand)
                +---- reap ------+    +-- fail --> delayed, after 8 tries dead

Invariant: each unsettled order is in exactly one of ready, one active list, delayed, dead.

Fencing (M. Kleppmann, "How to do distributed locking", 2016): `begin` raises the job's epoch and
hands it to the worker; a later write must bring the same epoch and find the job in that worker's
list, else it answers {'fenced'} and nothing is changed. Reaping raises the epoch too.

The C side of each call, with the same names, is fcgi/order/store.c.
When the arguments of a function change in a way old callers would not survive, add a new
function and keep the old one for one release: a rolling upgrade has both kinds of caller. ]]

local VERSION = '2'

local EVENTS_KEPT = 100000        -- XADD MAXLEN ~
local IDEMPOTENCY_SECONDS = 86400 -- an Idempotency-Key is remembered for 24 h
local USER_ORDERS_KEPT = 10       -- for the dashboard
local UPDATE_DONE_SECONDS = 60    -- a published update is kept so that a late repeat finds it
local DAY_MS = 86400 * 1000
local GATEWAY_SURE_MS = 80 * DAY_MS -- so long a payment gateway surely knows a payment key;
                                  -- ours keeps it for 90 days (gateway.lua), so tries have time
local KEPT_LEAST_MS = 90 * DAY_MS -- so long a shorter retention than today's shows
local CLOCK_TOLERANCE_MS = 1000   -- further apart, a caller and Redis do not agree on the time

local PAST_GATEWAY = 'the payment is older than the gateway remembers: look into its books, '
    .. 'then tiffin-ctl settle'
local EVENTS_KEPT_SHORT = 20000   -- while memory is short; about 120 bytes each
local CHAT_KEPT_SHORT = 1000      -- while memory is short; up to TIFFIN_CHAT_MAX_BYTES each

-- Which step follows which, when all goes well and nobody cancelled.
local NEXT_STEP = {
    payment = 'kitchen',
    kitchen = 'preparing_food',
    preparing_food = 'quality_check',
    quality_check = 'out_for_delivery',
    out_for_delivery = 'delivered',
    delivered = 'settled',
    refund = 'settled',
}

------------------------------------------------------------------------------- time and ids

-- Milliseconds since the epoch by Redis' clock.
local function now_ms()
    local t = redis.call('TIME')
    return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- RFC 3339, UTC, milliseconds. Days to civil date: H. Hinnant, "chrono-Compatible Low-Level Date
-- Algorithms", civil_from_days.
local function rfc3339(ms)
    local seconds = math.floor(ms / 1000)
    local days = math.floor(seconds / 86400)
    local rest = seconds - days * 86400
    local z = days + 719468
    local era = math.floor(z / 146097)
    local doe = z - era * 146097
    local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524)
                            - math.floor(doe / 146096)) / 365)
    local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
    local mp = math.floor((5 * doy + 2) / 153)
    local day = doy - math.floor((153 * mp + 2) / 5) + 1
    local month = mp < 10 and mp + 3 or mp - 9
    local year = yoe + era * 400 + (month <= 2 and 1 or 0)
    return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
                         math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60, ms % 1000)
end

------------------------------------------------------------------------------- shared pieces

-- A whole number from `least` on, of an argument; anything else ends the call, so ask before the
-- first write. (NaN and the infinities fail the comparisons.)
local function whole(argument, least)
    local n = tonumber(argument)
    if n and n >= least and n <= 1e15 and n == math.floor(n) then return n end
    error(redis.error_reply('TIFFIN not a whole number from ' .. least .. ' on: '
                            .. tostring(argument)))
end

-- Reads the named fields of a hash into a table; a missing field is nil.
local function read(key, ...)
    local names = { ... }
    local values = redis.call('HMGET', key, unpack(names))
    local out = {}
    for i, name in ipairs(names) do
        if values[i] then out[name] = values[i] end
    end
    return out
end

-- Records the order's three statuses as its next version: the hash, its history line v<version>,
-- and one event. `o` holds id, version and the three statuses; o.version is raised.
local function record(order_key, events_key, o, at)
    o.version = tonumber(o.version) + 1
    redis.call('HSET', order_key, 'status', o.status, 'payment_status', o.payment_status,
               'kitchen_status', o.kitchen_status, 'version', o.version, 'v' .. o.version,
               o.status .. ' ' .. o.payment_status .. ' ' .. o.kitchen_status .. ' ' .. at)
    redis.call('XADD', events_key, 'MAXLEN', '~', EVENTS_KEPT, '*', 'order', o.id,
               'version', o.version, 'status', o.status, 'payment_status', o.payment_status,
               'kitchen_status', o.kitchen_status, 'at', at)
end

-- What a remembered Idempotency-Key says about this request: nil (never seen), 'replay' and the
-- id of the first answer, or 'mismatch'. The key holds "<fingerprint> <id>".
local function recall(idem_key, fingerprint)
    if fingerprint == '' then return nil end
    local seen = redis.call('GET', idem_key)
    if not seen then return nil end
    local first, id = string.match(seen, '^(%S+) (%S+)$')
    if first ~= fingerprint then return 'mismatch' end
    return 'replay', id
end

local function remember(idem_key, fingerprint, id)
    if fingerprint == '' then return end
    redis.call('SET', idem_key, fingerprint .. ' ' .. id, 'EX', IDEMPOTENCY_SECONDS)
end

-- How many broadcasts are accepted and neither published nor discarded.
local function updates_pending(count_key)
    local n = read(count_key, 'updates_accepted', 'updates_published', 'updates_discarded')
    return (n.updates_accepted or 0) - (n.updates_published or 0) - (n.updates_discarded or 0)
end

-- Does the caller still own the job? Its epoch must be the latest and the id in its list.
local function owns(job_key, active_key, id, epoch)
    return redis.call('HGET', job_key, 'epoch') == epoch
        and redis.call('LPOS', active_key, id) ~= false
end

-- Puts a job into the dead set. An order is then needs_review: not final, its step is kept, and
-- resume_status is what it goes back to when somebody requeues it.
local function bury(job_key, dead_key, events_key, id, reason, now)
    local at = rfc3339(now)
    redis.call('HSET', job_key, 'dead_reason', reason)
    redis.call('ZADD', dead_key, now, id)
    local o = read(job_key, 'id', 'version', 'status', 'payment_status', 'kitchen_status')
    if o.version then
        redis.call('HSET', job_key, 'resume_status', o.status)
        o.status = 'needs_review'
        record(job_key, events_key, o, at)
    end
end

-- Would the next question about this order's money reach a gateway that may have forgotten its key?
-- To it the key would be new: it would charge a second time, or find nothing to refund. A key that
-- came more than a day after its order has a time of its own.
local function is_past_gateway(o, now)
    local will_ask = o.step == 'payment' or o.step == 'refund' or o.status == 'cancelled'
    return o.payment_key and will_ask
        and (o.payment_key_at or o.created_at or '') < rfc3339(now - GATEWAY_SURE_MS)
end

-- An order is over: counted, and kept for so long. For how long is a setting of the workers; whoever
-- checks the store must know it as well, and finds it here: the latest, and the shortest that orders
-- of the last 90 days were kept.
local function finish(order_key, count_key, facts_key, status, keep_seconds, now)
    redis.call('HINCRBY', count_key, 'settled', 1)
    redis.call('HINCRBY', count_key, status, 1)
    redis.call('EXPIRE', order_key, keep_seconds)
    if not facts_key then return end
    local kept = read(facts_key, 'keep_least', 'keep_least_at')
    redis.call('HSET', facts_key, 'keep_seconds', keep_seconds)
    if keep_seconds <= tonumber(kept.keep_least or keep_seconds)
        or now - tonumber(kept.keep_least_at or 0) > KEPT_LEAST_MS then
        redis.call('HSET', facts_key, 'keep_least', keep_seconds, 'keep_least_at', now)
    end
end

------------------------------------------------------------------------------- API: new work

--[[ place: order, job, indexes, event and Idempotency-Key, all or nothing. Idempotent by order id.
KEYS  order, ready, index, count, events, restaurant, user, user's orders, idem
ARGV  id, restaurant id, item, quantity, user id ('' = none), fingerprint ('' = no key),
      deadline (ms, Redis' clock): a call that arrives later stores nothing
-> {'placed'|'replay', id} | {'mismatch'|'late'|'no_restaurant'|'no_item'|'no_user'} ]]
local function place(keys, argv)
    local order, ready, index, count, events = keys[1], keys[2], keys[3], keys[4], keys[5]
    local restaurant, user, user_orders, idem = keys[6], keys[7], keys[8], keys[9]
    local id, restaurant_id, item, quantity = argv[1], argv[2], argv[3], whole(argv[4], 1)
    local user_id, fingerprint, deadline = argv[5], argv[6], whole(argv[7], 0)

    if redis.call('EXISTS', order) == 1 then return { 'placed', id } end
    local seen, first_id = recall(idem, fingerprint)
    if seen then return { seen, first_id } end
    local dish = read(restaurant, 'name', 'currency', 'price:' .. item)
    if not dish.name then return { 'no_restaurant' } end
    local price = tonumber(dish['price:' .. item])
    if not price then return { 'no_item' } end
    if user_id ~= '' and redis.call('EXISTS', user) == 0 then return { 'no_user' } end
    local now = now_ms()
    if now > deadline then return { 'late' } end

    local at = rfc3339(now)
    redis.call('HSET', order, 'id', id, 'restaurant_id', restaurant_id, 'restaurant', dish.name,
               'item', item, 'quantity', quantity, 'amount_cents', price * quantity,
               'currency', dish.currency, 'created_at', at, 'step', 'payment', 'epoch', 0)
    if user_id ~= '' then
        redis.call('HSET', order, 'user_id', user_id)
        redis.call('LPUSH', user_orders, id)
        redis.call('LTRIM', user_orders, 0, USER_ORDERS_KEPT - 1)
    end
    record(order, events, { id = id, version = 0, status = 'order_placed',
                            payment_status = 'pending', kitchen_status = 'pending' }, at)
    redis.call('ZADD', index, now, id)
    redis.call('HINCRBY', count, 'placed', 1)
    redis.call('LPUSH', ready, id)
    remember(idem, fingerprint, id)
    return { 'placed', id }
end

--[[ accept_update: a broadcast to come. Same promises as place.
KEYS  update, ready, delayed, count, idem, dead (not given by callers of version 1)
ARGV  id, message, delay (ms), fingerprint ('' = no key), deadline (ms), how many may be pending
Dead ones wait for people, and must not keep the living out: as many more may be pending as jobs are
dead, and ten times as many in all.
-> {'accepted'|'replay', id} | {'mismatch'|'late'|'full'} ]]
local function accept_update(keys, argv)
    local update, ready, delayed, count, idem = keys[1], keys[2], keys[3], keys[4], keys[5]
    local dead = keys[6]
    local id, message, delay, fingerprint = argv[1], argv[2], whole(argv[3], 0), argv[4]
    local deadline, limit = whole(argv[5], 0), whole(argv[6], 0)

    if redis.call('EXISTS', update) == 1 then return { 'accepted', id } end
    local seen, first_id = recall(idem, fingerprint)
    if seen then return { seen, first_id } end
    local pending = updates_pending(count)
    local alive = pending - (dead and redis.call('ZCARD', dead) or 0)
    if alive >= limit or pending >= 10 * limit then return { 'full' } end
    local now = now_ms()
    if now > deadline then return { 'late' } end

    redis.call('HSET', update, 'id', id, 'message', message, 'accepted_at', rfc3339(now),
               'step', 'broadcast', 'epoch', 0)
    redis.call('HINCRBY', count, 'updates_accepted', 1)
    if delay > 0 then
        redis.call('ZADD', delayed, now + delay, id)
    else
        redis.call('LPUSH', ready, id)
    end
    remember(idem, fingerprint, id)
    return { 'accepted', id }
end

--[[ cancel: marks the order; its job stays where it is and the worker settles what is owed.
KEYS  order, events
ARGV  (none)
-> {'cancelled'} (again: the same) | {'not_found'} | {'too_late', status} ]]
local function cancel(keys)
    local order, events = keys[1], keys[2]
    local o = read(order, 'id', 'version', 'status', 'payment_status', 'kitchen_status')
    if not o.id then return { 'not_found' } end
    if o.status == 'cancelled' then return { 'cancelled' } end
    if o.status ~= 'order_placed' or o.kitchen_status ~= 'pending' then
        return { 'too_late', o.status }
    end
    o.status = 'cancelled'
    record(order, events, o, rfc3339(now_ms()))
    return { 'cancelled' }
end

------------------------------------------------------------------------------- worker: claims

-- Redis' clock was set back by so much: what was put off by the clock of before would wait for so
-- much longer.
local function bring_forward(delayed_key, ms)
    local jobs = redis.call('ZRANGE', delayed_key, 0, -1, 'WITHSCORES')
    for i = 1, #jobs, 2 do redis.call('ZADD', delayed_key, jobs[i + 1] - ms, jobs[i]) end
end

-- Redis' clock was set forward by so much: what was put off by the clock of before would be due too
-- early by so much.
local function put_off(delayed_key, ms)
    bring_forward(delayed_key, -ms)
end

-- The pulse is what the heartbeats of all have told together; kept here, because a worker that was
-- just started (after the one before was killed) cannot know it from its own:
--     since   they have come without a gap since then      last    the latest one
--     set_at  when the clock was set forward
-- A pulse of library version 1 has the first two.
local function read_pulse(pulse_key)
    local n = {}
    for word in string.gmatch(redis.call('GET', pulse_key) or '', '%S+') do
        n[#n + 1] = tonumber(word)
    end
    return { since = n[1], last = n[2], set_at = n[3] or 0 }
end

local function write_pulse(pulse_key, p)
    redis.call('SET', pulse_key, string.format('%.0f %.0f %.0f', p.since, p.last, p.set_at))
end

-- Takes a heartbeat down, and tells for how long they have been steady, and by how much the clock
-- was set back since the last one. More than half a time to live is a gap: then nobody was heard, or
-- the clock was set forward; times of before cannot be compared with those of now.
local function feel_pulse(pulse_key, ttl, now)
    local p = read_pulse(pulse_key)
    local set_back = p.last and math.max(0, p.last - now) or 0
    if not p.last or set_back > 0 or now - p.last > ttl / 2 then p.since = now end
    if set_back > 0 then p.set_at = 0 end
    p.last = now
    write_pulse(pulse_key, p)
    return now - p.since, set_back
end

-- Does this worker live? A heartbeat from the future was sent before the clock was set back, and
-- would stand for as long as that was.
local function is_beating(heartbeat_key, now)
    local at = redis.call('GET', heartbeat_key)
    return at and at <= rfc3339(now + CLOCK_TOLERANCE_MS)
end

-- May a heartbeat that is gone be believed? A time to live runs by Redis' clock, so one that was set
-- forward ends them all. Only when the pulse has been steady so long that all who live were heard
-- since, and the caller, whose own clock never jumps, agrees on what time it is.
local function can_tell_the_dead(pulse_key, ttl, expected, now)
    local p = read_pulse(pulse_key)
    return p.since and now - p.since >= ttl
        and math.abs(now - expected) <= CLOCK_TOLERANCE_MS
end

--[[ beat: I live. Registers the worker when it is new.
KEYS  workers, worker, pulse, delayed (the last, or both: not given by callers of earlier versions)
ARGV  worker id, time to live (ms)
-> {'ok', ms for which the heartbeats of all have been steady, now (ms)} ]]
local function beat(keys, argv)
    local ttl, now = whole(argv[2], 1), now_ms()
    redis.call('SADD', keys[1], argv[1])
    redis.call('SET', keys[2], rfc3339(now), 'PX', ttl)
    if not keys[3] then return { 'ok' } end
    local steady, set_back = feel_pulse(keys[3], ttl, now)
    if set_back > 0 and keys[4] then bring_forward(keys[4], set_back) end
    return { 'ok', steady, now }
end

--[[ clock_set: Redis' clock was set forward. Redis cannot notice, a worker can, whose own clock never
jumps: between two heartbeats Redis' moved by more than its own. Every worker tells it; who comes
after the first has last agreed with the clock before that was put right.
KEYS  pulse, delayed
ARGV  when the caller last agreed with Redis' clock (ms, by that clock), by how much it was set (ms)
-> {'put_off'|'known', now (ms)} ]]
local function clock_set(keys, argv)
    local pulse, delayed = keys[1], keys[2]
    local agreed, ms, now = whole(argv[1], 0), whole(argv[2], 1), now_ms()
    local p = read_pulse(pulse)
    if agreed < p.set_at then return { 'known', now } end
    put_off(delayed, ms)
    p.since, p.last, p.set_at = now, now, now
    write_pulse(pulse, p)
    return { 'put_off', now }
end

--[[ take: claims up to n jobs into my list: first those that are due, the oldest first, then the
ready ones. Only a worker that is registered may: an unregistered one's list is never reaped.
A paused queue gives nothing; what is held is finished.
KEYS  ready, active, delayed, workers, paused
ARGV  worker id, n, what time it is by Redis' clock as the caller knows it (ms; not given by callers
      of version 1)
-> {ms until the next delayed job is due (-1 = none), id, ...} | {'unregistered'} |
   {'late'} it comes too late, or Redis' clock was set forward: beat, and tell what you find ]]
local function take(keys, argv)
    local ready, active, delayed, workers, paused = keys[1], keys[2], keys[3], keys[4], keys[5]
    local worker, n = argv[1], whole(argv[2], 0)

    if redis.call('SISMEMBER', workers, worker) == 0 then return { 'unregistered' } end
    local now = now_ms()
    if now - whole(argv[3] or now, 0) > CLOCK_TOLERANCE_MS then return { 'late' } end
    if redis.call('EXISTS', paused) == 1 then return { -1 } end
    local out = { -1 }
    local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, n)
    for _, id in ipairs(due) do
        redis.call('ZREM', delayed, id)
        redis.call('LPUSH', active, id)
        out[#out + 1] = id
    end
    if #due < n then
        for _, id in ipairs(redis.call('RPOP', ready, n - #due) or {}) do
            redis.call('LPUSH', active, id)
            out[#out + 1] = id
        end
    end
    local next_due = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
    if next_due[2] then out[1] = math.max(0, next_due[2] - now) end
    return out
end

--[[ begin: the worker starts on a job of its list. Raises the epoch: earlier holders are fenced.
Past the time for which the gateway surely knows the payment key, neither charge nor refund is handed
out: the order goes to people.
KEYS  job (order or update), active, dead, events
ARGV  id
-> {'begun', epoch, step, tries, status, amount_cents, currency, payment_key} ('' where an update
   has none, or no intent exists) | {'gone'} (not in my list any more) | {'dead', reason}
   (a caller of version 1 gives two keys; it is told {'gone'}, and gives the job back when it leaves) ]]
local function begin(keys, argv)
    local job, active, dead, events, id = keys[1], keys[2], keys[3], keys[4], argv[1]
    if redis.call('LPOS', active, id) == false then return { 'gone' } end
    local j = read(job, 'step', 'tries', 'status', 'amount_cents', 'currency', 'payment_key',
                   'payment_key_at', 'created_at')
    if not j.step or j.step == 'settled' or j.step == 'published' then
        redis.call('LREM', active, 1, id)
        return { 'gone' }
    end
    local now = now_ms()
    if is_past_gateway(j, now) then
        if not dead then return { 'gone' } end
        redis.call('LREM', active, 1, id)
        bury(job, dead, events, id, PAST_GATEWAY, now)
        return { 'dead', PAST_GATEWAY }
    end
    return { 'begun', redis.call('HINCRBY', job, 'epoch', 1), j.step, tonumber(j.tries or 0),
             j.status or '', tonumber(j.amount_cents or 0), j.currency or '', j.payment_key or '' }
end

--[[ intent: stores the payment key, once, before the gateway is called. Never changed again: it
is what makes a repeated charge the same charge.
KEYS  order, active
ARGV  id, epoch, proposed key
-> {'ok', the key to use} | {'cancelled'} (and no key was ever given) | {'fenced'} ]]
local function intent(keys, argv)
    local order, active, id, epoch, key = keys[1], keys[2], argv[1], argv[2], argv[3]
    if not owns(order, active, id, epoch) then return { 'fenced' } end
    local o = read(order, 'status', 'payment_key', 'created_at')
    if o.payment_key then return { 'ok', o.payment_key } end
    if o.status == 'cancelled' then return { 'cancelled' } end
    redis.call('HSET', order, 'payment_key', key)
    local now = now_ms() -- the usual order stays small: its key is hardly younger than itself
    if (o.created_at or '') < rfc3339(now - DAY_MS) then
        redis.call('HSET', order, 'payment_key_at', rfc3339(now))
    end
    return { 'ok', key }
end

------------------------------------------------------------------------------- worker: results

-- What a finished step makes of the order: changes o's statuses, returns the next step and
-- whether anything visible changed; nil when result does not fit the step.
local function advance(o, step, result)
    local cancelled = o.status == 'cancelled'
    local is_charged = result == 'ok' or result == 'declined'
    if step == 'payment' and is_charged and not o.payment_key then
        return nil -- no gateway was ever asked
    elseif step == 'payment' and result == 'ok' then
        o.payment_status = 'paid'
        return cancelled and 'refund' or 'kitchen', true
    elseif step == 'payment' and result == 'declined' then
        o.payment_status, o.kitchen_status = 'declined', 'cancelled'
        if not cancelled then o.status = 'payment_failed' end
        return 'settled', true
    elseif step == 'payment' and result == 'not_charged' then
        -- Only where no intent exists: silence of the gateway never means "not charged".
        if not cancelled or o.payment_key then return nil end
        o.payment_status, o.kitchen_status = 'not_charged', 'cancelled'
        return 'settled', true
    elseif result ~= 'ok' then
        return nil
    elseif step == 'kitchen' then
        if cancelled then return 'refund', false end
        o.kitchen_status = 'acknowledged'
    elseif step == 'refund' then
        o.payment_status, o.kitchen_status = 'refunded', 'cancelled'
    elseif NEXT_STEP[step] then
        o.status = step
    else
        return nil
    end
    return NEXT_STEP[step], true
end

--[[ step: one step is done. State, history, event, acknowledgement and next job are one fact.
KEYS  order, active, ready, delayed, events, count, facts (not given by callers of version 1)
ARGV  id, epoch, step, result ('ok'; payment also 'declined', 'not_charged'),
      wait before the next step (ms; 0 = the worker keeps the job in hand, with a new epoch),
      how long a settled order is kept (s)
-> {'held', version, next step, new epoch} | {'delayed', version, next step} |
   {'settled', version} | {'fenced'} ]]
local function step(keys, argv)
    local order, active, delayed, events, count = keys[1], keys[2], keys[4], keys[5], keys[6]
    local id, epoch, done, result = argv[1], argv[2], argv[3], argv[4]
    local wait, keep_seconds = whole(argv[5], 0), whole(argv[6], 1)

    if not owns(order, active, id, epoch) then return { 'fenced' } end
    local o = read(order, 'id', 'version', 'status', 'payment_status', 'kitchen_status', 'step',
                   'payment_key')
    if o.step ~= done then
        return redis.error_reply('TIFFIN step is ' .. o.step .. ', not ' .. done)
    end
    local next_step, visible = advance(o, done, result)
    if not next_step then
        return redis.error_reply('TIFFIN result ' .. result .. ' does not fit step ' .. done)
    end

    local now = now_ms()
    redis.call('HSET', order, 'step', next_step)
    redis.call('HDEL', order, 'tries', 'crashes')
    if visible then record(order, events, o, rfc3339(now)) end
    if next_step == 'settled' then
        redis.call('LREM', active, 1, id)
        finish(order, count, keys[7], o.status, keep_seconds, now)
        return { 'settled', tonumber(o.version) }
    end
    if wait > 0 and next_step ~= 'refund' then -- money owed does not wait for a stage
        redis.call('LREM', active, 1, id)
        redis.call('ZADD', delayed, now + wait, id)
        return { 'delayed', tonumber(o.version), next_step }
    end
    return { 'held', tonumber(o.version), next_step, redis.call('HINCRBY', order, 'epoch', 1) }
end

--[[ fail: the step did not succeed. Tried again after a wait, or dead when it has had its tries.
KEYS  job, active, delayed, dead, events
ARGV  id, epoch, wait (ms), tries allowed, reason
-> {'delayed', tries so far} | {'dead', tries} | {'fenced'} ]]
local function fail(keys, argv)
    local job, active, delayed, dead, events = keys[1], keys[2], keys[3], keys[4], keys[5]
    local id, epoch, wait, allowed = argv[1], argv[2], whole(argv[3], 0), whole(argv[4], 1)

    if not owns(job, active, id, epoch) then return { 'fenced' } end
    local now = now_ms()
    local tries = redis.call('HINCRBY', job, 'tries', 1)
    redis.call('LREM', active, 1, id)
    if tries >= allowed then
        bury(job, dead, events, id, argv[5], now)
        return { 'dead', tries }
    end
    redis.call('ZADD', delayed, now + wait, id)
    return { 'delayed', tries }
end

-- Says something on the chat: into its log, onto its channel. Ids are consecutive: the stream's own
-- id is <n>-0, so a reader can prove that it missed nothing. `said` has type and text, and user and
-- color where there are any. -> n
local function say(count, log, channel, kept, said)
    local entry = {}
    said.at = rfc3339(now_ms())
    for _, name in ipairs({ 'type', 'user', 'color', 'text', 'at' }) do
        if said[name] then
            entry[#entry + 1] = name
            entry[#entry + 1] = said[name]
        end
    end
    said.id = redis.call('HINCRBY', count, 'chat_messages', 1)
    redis.call('XADD', log, 'MAXLEN', '~', kept, said.id .. '-0', unpack(entry))
    redis.call('PUBLISH', channel, cjson.encode(said))
    return said.id
end

--[[ publish_update: append to the chat's history, publish, acknowledge.
KEYS  update, active, count, chat log
ARGV  id, epoch, channel, messages the log keeps
-> {'published', n} | {'fenced'} ]]
local function publish_update(keys, argv)
    local update, active, count, log = keys[1], keys[2], keys[3], keys[4]
    local id, epoch, channel, kept = argv[1], argv[2], argv[3], whole(argv[4], 1)

    if not owns(update, active, id, epoch) then return { 'fenced' } end
    local text = redis.call('HGET', update, 'message')
    local n = say(count, log, channel, kept, { type = 'update', text = text })
    redis.call('LREM', active, 1, id)
    redis.call('HINCRBY', count, 'updates_published', 1)
    redis.call('HSET', update, 'step', 'published')
    redis.call('EXPIRE', update, UPDATE_DONE_SECONDS)
    return { 'published', n }
end

------------------------------------------------------------------------------- bridge: the chat

-- '' = not given
local function given(text)
    if text ~= '' then return text end
end

--[[ chat_post: what somebody says on the chat: stored, numbered and published, one fact.
KEYS  count, chat log, and where there is a key: keys
ARGV  channel, messages the log keeps, deadline (ms, Redis' clock): a call that arrives later
      stores nothing; text, user ('' = none), color ('' = none), key of the message ('' = none)
-> {'posted', n} | {'repeated', n} | {'late'}

A sender that was cut off cannot know whether its message was stored, and says it again with the
same key. It is remembered as long as the message is among those that the log keeps: in a set of
the keys by the number of their message. So who resumes without a gap has either heard its message
or may safely say it again. ]]
local function chat_post(keys, argv)
    local count, log, said = keys[1], keys[2], keys[3]
    local channel, kept, deadline = argv[1], whole(argv[2], 1), whole(argv[3], 0)
    local key = given(argv[7] or '')

    local before = key and redis.call('ZSCORE', said, key)
    if before then return { 'repeated', tonumber(before) } end
    if now_ms() > deadline then return { 'late' } end
    local n = say(count, log, channel, kept, { type = 'message', text = argv[4],
                                               user = given(argv[5]), color = given(argv[6]) })
    if key then
        redis.call('ZADD', said, n, key)
        redis.call('ZREMRANGEBYSCORE', said, '-inf', n - kept)
    end
    return { 'posted', n }
end

--[[ chat_beat: a bridge lives and has so many clients. Published too, so that every bridge learns
the sum, and the one that beats learns that its subscription is alive. In the set, a bridge is
<bridge>=<clients> with the time when it is forgotten; who is killed goes by itself.
KEYS  present, count
ARGV  channel, bridge id, clients, number of this beat, time to live (ms; 0 = it leaves)
-> {'here', clients of all bridges, id of the newest message} ]]
local function chat_beat(keys, argv)
    local present, count = keys[1], keys[2]
    local channel, bridge, clients = argv[1], argv[2], whole(argv[3], 0)
    local number, ttl = whole(argv[4], 0), whole(argv[5], 0)
    local now, sum = now_ms(), 0

    redis.call('ZREMRANGEBYSCORE', present, '-inf', now)
    for _, member in ipairs(redis.call('ZRANGE', present, 0, -1)) do
        local name, n = string.match(member, '^(.*)=(%d+)$')
        if name == bridge then
            redis.call('ZREM', present, member)
        else
            sum = sum + (tonumber(n) or 0)
        end
    end
    if ttl > 0 then
        sum = sum + clients
        redis.call('ZADD', present, now + ttl, bridge .. '=' .. clients)
        redis.call('PEXPIRE', present, ttl)
    end
    redis.call('PUBLISH', channel, cjson.encode({ type = 'beat', bridge = bridge, beat = number,
                                                  present = sum }))
    return { 'here', sum, tonumber(redis.call('HGET', count, 'chat_messages') or 0) }
end

------------------------------------------------------------------------------- worker: the dead

-- Takes one job out of a worker's list and makes whoever held it a stranger to it. True when the
-- job was there and still exists.
local function seize(job_key, active_key, id)
    if redis.call('LREM', active_key, 1, id) == 0 then return false end
    if redis.call('EXISTS', job_key) == 0 then return false end
    redis.call('HINCRBY', job_key, 'epoch', 1)
    return true
end

--[[ reap: gives a dead worker's jobs back, at the taking end of the queue. Only when its heartbeat
is gone, and that can be believed. The caller names the jobs it saw in the list, so that every key is
in KEYS; call it again while something is left.
KEYS  workers, worker, active, ready, dead, events, pulse, job, ...
ARGV  dead worker's id, crashes allowed without progress, time to live (ms), what time it is by
      Redis' clock as the caller knows it (ms), id, ... (one per job key)
      (callers of version 1 give neither pulse nor the two times; a number is no id)
-> {'reaped', moved, left} | {'alive'} or nobody can tell now ]]
local function reap(keys, argv)
    local workers, heartbeat, active = keys[1], keys[2], keys[3]
    local ready, dead, events = keys[4], keys[5], keys[6]
    local worker, allowed, now = argv[1], whole(argv[2], 1), now_ms()
    local has_clock = tonumber(argv[3]) ~= nil
    local first_job, first_id = has_clock and 8 or 7, has_clock and 5 or 3

    if #keys - first_job ~= #argv - first_id then
        return redis.error_reply('TIFFIN one id per job key')
    end
    if is_beating(heartbeat, now) or (has_clock and not can_tell_the_dead(
            keys[7], whole(argv[3], 1), whole(argv[4], 0), now)) then
        return { 'alive' }
    end
    local moved = 0
    for i = first_job, #keys do
        local job, id = keys[i], argv[i - first_job + first_id]
        if seize(job, active, id) then
            moved = moved + 1
            if redis.call('HINCRBY', job, 'crashes', 1) >= allowed then
                bury(job, dead, events, id, 'its workers keep dying', now)
            else
                redis.call('RPUSH', ready, id)
            end
        end
    end
    local left = redis.call('LLEN', active)
    if left == 0 then redis.call('SREM', workers, worker) end
    return { 'reaped', moved, left }
end

--[[ leave: a worker goes of its own will and gives back what it holds; nothing is counted as a
crash. Once everything is given back it is no longer registered.
KEYS  workers, worker, active, ready, job, ...
ARGV  worker id, id, ... (one per job key)
-> {'left', given back, still held} ]]
local function leave(keys, argv)
    local workers, heartbeat, active, ready = keys[1], keys[2], keys[3], keys[4]
    local moved = 0

    if #keys - 4 ~= #argv - 1 then return redis.error_reply('TIFFIN one id per job key') end
    for i = 5, #keys do
        local id = argv[i - 3]
        if seize(keys[i], active, id) then
            moved = moved + 1
            redis.call('RPUSH', ready, id)
        end
    end
    local held = redis.call('LLEN', active)
    if held == 0 then
        redis.call('SREM', workers, argv[1])
        redis.call('DEL', heartbeat)
    end
    return { 'left', moved, held }
end

------------------------------------------------------------------------------- people's hands

-- Takes a job out of the dead set, where it must be, and clears what its failures left.
local function revive(job_key, dead_key, id)
    redis.call('ZREM', dead_key, id)
    redis.call('HINCRBY', job_key, 'epoch', 1)
    redis.call('HDEL', job_key, 'tries', 'crashes', 'dead_reason')
end

--[[ requeue: a dead job goes on at the step it had, with all its tries again.
KEYS  job, ready, dead, events
ARGV  id
-> {'requeued', step} | {'not_dead'} | {'past_gateway', since} the gateway may have forgotten its key:
   see settle ]]
local function requeue(keys, argv)
    local job, ready, dead, events, id = keys[1], keys[2], keys[3], keys[4], argv[1]
    if not redis.call('ZSCORE', dead, id) then return { 'not_dead' } end
    local now = now_ms()
    local o = read(job, 'id', 'version', 'payment_status', 'kitchen_status', 'step',
                   'resume_status', 'payment_key', 'payment_key_at', 'created_at')
    if o.version and not o.resume_status then
        return redis.error_reply('TIFFIN it has no status to go back to')
    end
    o.status = o.resume_status
    if is_past_gateway(o, now) then
        return { 'past_gateway', o.payment_key_at or o.created_at }
    end
    revive(job, dead, id)
    if o.version then
        redis.call('HDEL', job, 'resume_status')
        record(job, events, o, rfc3339(now))
    end
    redis.call('RPUSH', ready, id)
    return { 'requeued', o.step }
end

--[[ discard: gives a dead job up. An order goes the way of a cancelled one, so that what was paid,
or may have been, is refunded; an update is forgotten.
KEYS  job, ready, dead, events, count
ARGV  id
-> {'discarded', the step that settles it ('' = none)} | {'not_dead'} | {'past_gateway', since} as in
   requeue ]]
local function discard(keys, argv)
    local job, ready, dead, events, count = keys[1], keys[2], keys[3], keys[4], keys[5]
    local id = argv[1]
    if not redis.call('ZSCORE', dead, id) then return { 'not_dead' } end
    local now = now_ms()
    local o = read(job, 'id', 'version', 'payment_status', 'kitchen_status', 'payment_key',
                   'payment_key_at', 'created_at')
    o.status = 'cancelled'
    if is_past_gateway(o, now) then
        return { 'past_gateway', o.payment_key_at or o.created_at }
    end
    revive(job, dead, id)
    if not o.version then
        redis.call('HINCRBY', count, 'updates_discarded', 1)
        redis.call('DEL', job)
        return { 'discarded', '' }
    end
    local next_step = o.payment_status == 'paid' and 'refund' or 'payment'
    redis.call('HDEL', job, 'resume_status')
    redis.call('HSET', job, 'step', next_step)
    record(job, events, o, rfc3339(now))
    redis.call('RPUSH', ready, id)
    return { 'discarded', next_step }
end

--[[ settle: ends a dead order by what a person found in the gateway's books, where no program may ask
the gateway any more, or its answer contradicts ours. No money moves here.
KEYS  order, dead, events, count, facts
ARGV  id, what became of the money ('refunded': it was sent back by hand; 'not_charged': none was
      taken), how long a settled order is kept (s)
-> {'settled', version} | {'not_dead'} | {'misfit', payment_status} it cannot have become that ]]
local function settle(keys, argv)
    local order, dead, events, count = keys[1], keys[2], keys[3], keys[4]
    local id, payment, keep_seconds = argv[1], argv[2], whole(argv[3], 1)
    if not redis.call('ZSCORE', dead, id) then return { 'not_dead' } end
    local o = read(order, 'id', 'version', 'payment_status', 'payment_key')
    local is_open = o.payment_status == 'pending' or o.payment_status == 'paid'
    if not o.version or not is_open
        or not (payment == 'not_charged' or (payment == 'refunded' and o.payment_key)) then
        return { 'misfit', o.payment_status or '' }
    end
    local now = now_ms()
    revive(order, dead, id)
    redis.call('HDEL', order, 'resume_status')
    redis.call('HSET', order, 'step', 'settled', 'settled_by_hand', rfc3339(now))
    o.status, o.payment_status, o.kitchen_status = 'cancelled', payment, 'cancelled'
    record(order, events, o, rfc3339(now))
    finish(order, count, keys[5], o.status, keep_seconds, now)
    return { 'settled', tonumber(o.version) }
end

--[[ pause, resume: workers take nothing new while the queue is paused.
KEYS  paused
ARGV  (none)
-> {'paused'} | {'resumed'} ]]
local function pause(keys)
    redis.call('SET', keys[1], rfc3339(now_ms()))
    return { 'paused' }
end

local function resume(keys)
    redis.call('DEL', keys[1])
    return { 'resumed' }
end

--[[ stats: one look at counters and places, so that the invariant can be checked at any moment:
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
        active = active + redis.call('LLEN', keys[i])
    end
    return { 'stats', tonumber(n.placed or 0), tonumber(n.settled or 0), updates_pending(count),
             redis.call('LLEN', ready), active, redis.call('ZCARD', delayed),
             redis.call('ZCARD', dead), redis.call('EXISTS', paused) }
end

--[[ live_write: what a process counts, for those who sum it up. Gone by itself `ttl` ms after the
process is. One fact: written and never made to expire, it would stay for ever.
KEYS  live processes, figures of this one
ARGV  process, time to live (ms), field, value, ...
-> {'written'} ]]
local function live_write(keys, argv)
    local processes, figures, process, ttl = keys[1], keys[2], argv[1], whole(argv[2], 1)
    if #argv % 2 ~= 0 or #argv < 4 then return redis.error_reply('TIFFIN a value per field') end
    local now = now_ms()
    redis.call('HSET', figures, unpack(argv, 3))
    redis.call('PEXPIRE', figures, ttl)
    redis.call('ZADD', processes, now, process)
    redis.call('ZREMRANGEBYSCORE', processes, '-inf', now - 10 * ttl)
    return { 'written' }
end

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

------------------------------------------------------------------------------- worker: room

--[[ What is over makes room. Memory is short from 60 % of maxmemory on, until it is below 50 %
(fcgi/order/memory.h); then this gives way, in this order, and nothing else does:

    1. events but the newest 20,000, the chat's history but the newest 1,000 messages
    2. settled orders, the oldest first, each with its entry in the gateway's ledger

What strangers can make Redis hold beside that has a bound of its own: an Idempotency-Key goes after
24 h and not before, because until then a repeat must not order twice (that its order may be gone
by then, harms nobody: its id is answered, and GET says 404); a published update goes after a
minute, at most 1,000 wait; a user's list has 10 ids. Where all that and unsettled orders fill
80 %, the API takes no new orders and updates until there is room again.

A worker whose turn it is goes through the index from its old end, some orders at a time:

    oldest ---> release ---> gateway_forget ---> forget
    the next    marks those  their entries in    the marked
    orders      settled      the ledger          ones go

The ledger's entry goes first: killed in between, the order is still there, marked, and the next
round begins with it again. ]]

--[[ oldest: whose turn is it, and which orders come next? The turn is kept by asking again; who does
not for `turn` ms has lost it. The key holds "<worker> <when>".
KEYS  turn, index, events, chat log
ARGV  worker id, turn (ms), rank in the index from which on, how many at most, placed at least how
      long ago (ms), 1 = memory is short: trim events and chat
-> {'oldest', id, ...} | {'waiting'} it is another worker's turn ]]
local function oldest(keys, argv)
    local turn, index, events, log = keys[1], keys[2], keys[3], keys[4]
    local worker, turn_ms, first = argv[1], whole(argv[2], 1), whole(argv[3], 0)
    local n, age, is_short = whole(argv[4], 1), whole(argv[5], 0), argv[6] == '1'
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

--[[ forget: those that are leaving are gone. The counters say how many ever were, and which the
youngest was (forgotten_to, ms): whoever misses an order can tell whether it may have been let go.
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

------------------------------------------------------------------------------- repair

-- What tiffin-ctl fsck --repair calls. The caller found something wrong a moment ago; these look
-- again themselves, so nothing is done to a job that was moved meanwhile. A job that is at work and
-- held by one registered worker stays with it, and comes out by step, fail or reap as ever; where a
-- job is taken from a worker, its epoch is raised.

-- Do the statuses say that nothing more is to come? (An update has none.)
local function is_final(j)
    return j.status == 'delivered' or j.status == 'payment_failed'
        or (j.status == 'cancelled' and j.payment_status ~= 'pending' and j.payment_status ~= 'paid')
end

-- Is it over, by its step and its statuses? nil when the two disagree: then only people can say.
local function is_over(j)
    if not j.step or (j.version and not j.status) then return nil end
    if not j.version then return j.step == 'published' end
    if (j.step == 'settled') ~= is_final(j) then return nil end
    return j.step == 'settled'
end

-- Where the job with this hash has to stand: 'nowhere', 'dead', 'any' (ready, delayed or an active
-- list), 'kept' (dead, or any when it is not there: an update has no status that says so); nil when
-- no program can know.
local function right_place(j, exists)
    if not exists then return 'nowhere' end
    local over = is_over(j)
    if over then return 'nowhere' end
    if over == nil then return nil end
    if j.status == 'needs_review' then return 'dead' end
    return j.version and 'any' or 'kept'
end

--[[ repair_place: puts one job where it belongs: one that is nowhere goes to ready, of several
places one stays, a job that is over, or never was, goes out of all of them.
KEYS  job, ready, delayed, dead, workers, then heartbeat and active list of each worker that is
      registered or has a list
ARGV  id, worker, ... (one per pair of keys)
-> {'repaired', what was done} | {'nothing'} it stands right | {'changed'} a worker has come since
   the caller looked: ask again | {'undecided'} only people can say ]]
local function repair_place(keys, argv)
    local job, ready, delayed, dead, workers = keys[1], keys[2], keys[3], keys[4], keys[5]
    local id, named, owners, strays, owned = argv[1], {}, {}, {}, 0
    local function times(list) return #redis.call('LPOS', list, id, 'COUNT', 0) end

    if #keys - 5 ~= 2 * (#argv - 1) then return redis.error_reply('TIFFIN two keys per worker') end
    for i = 2, #argv do
        local heartbeat, active = keys[2 + 2 * i], keys[3 + 2 * i]
        named[argv[i]] = true
        local n = times(active)
        -- One that beats will register itself with its next heartbeat.
        local is_known = redis.call('SISMEMBER', workers, argv[i]) == 1
            or redis.call('EXISTS', heartbeat) == 1
        if n > 0 and is_known then
            owners[#owners + 1], owned = active, owned + n
        elseif n > 0 then
            strays[#strays + 1] = active
        end
    end
    for _, worker in ipairs(redis.call('SMEMBERS', workers)) do
        if not named[worker] then return { 'changed' } end
    end

    local j = read(job, 'step', 'status', 'payment_status', 'version', 'dead_reason')
    local where = right_place(j, redis.call('EXISTS', job) == 1)
    local n_ready = times(ready)
    local is_delayed = redis.call('ZSCORE', delayed, id) ~= false
    local is_dead = redis.call('ZSCORE', dead, id) ~= false
    if where == 'kept' then where = is_dead and 'dead' or 'any' end
    if not where or (where == 'any' and is_dead and j.dead_reason) then return { 'undecided' } end

    -- The one place that stays, of those where it may be.
    local keep
    if where == 'dead' then
        keep = dead
    elseif where == 'any' then
        keep = #owners == 1 and owners[1] or (#owners == 0 and is_delayed and delayed) or ready
    end
    local n = n_ready + owned + #strays + (is_delayed and 1 or 0) + (is_dead and 1 or 0)
    local is_there = (keep == ready and n_ready > 0) or (keep == delayed and is_delayed)
        or (keep == dead and is_dead) or (keep == owners[1] and keep ~= nil)
    if n == (keep and 1 or 0) and (is_there or not keep) then return { 'nothing' } end

    for _, list in ipairs({ ready, unpack(strays) }) do redis.call('LREM', list, 0, id) end
    for _, list in ipairs(owners) do
        if list ~= keep then
            redis.call('LREM', list, 0, id)
        elseif owned > 1 then
            redis.call('LREM', list, owned - 1, id)
        end
    end
    if keep ~= delayed then redis.call('ZREM', delayed, id) end
    if keep ~= dead then redis.call('ZREM', dead, id) end
    if not keep then return { 'repaired', 'removed from the queue' } end
    if keep == ready or keep == dead then
        redis.call('HINCRBY', job, 'epoch', 1) -- whoever held it is a stranger to it
    end
    if keep == ready then redis.call('RPUSH', ready, id) end
    if keep == dead and not is_dead then redis.call('ZADD', dead, now_ms(), id) end
    return { 'repaired', keep == ready and 'put back to ready' or keep == dead and 'kept in dead'
             or keep == delayed and 'kept in delayed' or 'left to the worker that holds it' }
end

--[[ repair_record: what hangs on an order (or update) beside the queue: its place in the index and
its expiry.
KEYS  job, index
ARGV  id, created (ms; the index sorts by it), how long a settled order is kept (s)
-> {'repaired', what was done} | {'nothing'} ]]
local function repair_record(keys, argv)
    local job, index, id = keys[1], keys[2], argv[1]
    local created, keep_seconds, done = whole(argv[2], 0), whole(argv[3], 1), {}
    local ttl = redis.call('TTL', job)

    if ttl == -2 then
        if redis.call('ZREM', index, id) == 0 then return { 'nothing' } end
        return { 'repaired', 'removed from the index' }
    end
    local j = read(job, 'step', 'status', 'payment_status', 'version')
    if j.version and created > 0 and not redis.call('ZSCORE', index, id) then
        redis.call('ZADD', index, created, id)
        done[#done + 1] = 'added to the index'
    end
    local over = is_over(j)
    if over and ttl == -1 then
        redis.call('EXPIRE', job, j.version and keep_seconds or UPDATE_DONE_SECONDS)
        done[#done + 1] = 'made to expire'
    elseif over == false and ttl >= 0 then
        redis.call('PERSIST', job)
        done[#done + 1] = 'kept from expiring'
    end
    if #done == 0 then return { 'nothing' } end
    return { 'repaired', table.concat(done, ', ') }
end

--[[ repair_counts: makes the counters agree with the places. Only for a queue in which each job
stands right; it looks at every job there is, so Redis serves nobody else meanwhile (about 0.1 s
for 100,000). `settled` is the sum of its three kinds; `placed` is that and what is in the places.
KEYS  count, ready, delayed, dead, workers, active, ... (one per registered worker)
ARGV  (none)
-> {'repaired', what was done} | {'nothing'} | {'changed'} | {'undecided'} ]]
local function repair_counts(keys)
    local count, delayed, dead, workers = keys[1], keys[3], keys[4], keys[5]
    local orders, updates, done = 0, 0, {}
    local function add(ids)
        for _, id in ipairs(ids) do
            if string.sub(id, 1, 7) == 'update_' then
                updates = updates + 1
            else
                orders = orders + 1
            end
        end
    end
    local function set(field, was, is)
        redis.call('HSET', count, field, is)
        done[#done + 1] = field .. ' ' .. was .. ' -> ' .. is
    end

    if redis.call('SCARD', workers) ~= #keys - 5 then return { 'changed' } end
    add(redis.call('LRANGE', keys[2], 0, -1))
    add(redis.call('ZRANGE', delayed, 0, -1))
    add(redis.call('ZRANGE', dead, 0, -1))
    for i = 6, #keys do add(redis.call('LRANGE', keys[i], 0, -1)) end

    local n = read(count, 'placed', 'settled', 'delivered', 'payment_failed', 'cancelled',
                   'updates_published', 'updates_discarded', 'updates_accepted')
    for _, field in ipairs({ 'placed', 'settled', 'delivered', 'payment_failed', 'cancelled',
                             'updates_published', 'updates_discarded', 'updates_accepted' }) do
        n[field] = tonumber(n[field] or 0)
        if not n[field] then return { 'undecided' } end
    end
    local sum = n.delivered + n.payment_failed + n.cancelled
    if n.settled ~= sum and n.placed - n.settled == orders then return { 'undecided' } end
    if n.settled ~= sum then set('settled', n.settled, sum) end
    if n.placed ~= sum + orders then set('placed', n.placed, sum + orders) end
    local accepted = n.updates_published + n.updates_discarded + updates
    if n.updates_accepted ~= accepted then set('updates_accepted', n.updates_accepted, accepted) end
    if #done == 0 then return { 'nothing' } end
    return { 'repaired', table.concat(done, ', ') }
end

------------------------------------------------------------------------------- registration

-- The version /readyz compares with the one its program was built for.
local function library_version()
    return VERSION
end

-- allow-oom: Redis at maxmemory refuses writes, and these only move or settle what is there.
local function register(name, callback, ...)
    redis.register_function { function_name = name, callback = callback, flags = { ... } }
end

register('place', place)
register('accept_update', accept_update)
register('cancel', cancel, 'allow-oom')
register('beat', beat, 'allow-oom')
register('clock_set', clock_set, 'allow-oom')
register('take', take, 'allow-oom')
register('begin', begin, 'allow-oom')
register('intent', intent, 'allow-oom')
register('step', step, 'allow-oom')
register('fail', fail, 'allow-oom')
register('publish_update', publish_update, 'allow-oom')
register('chat_post', chat_post) -- Redis full: talk can wait, orders cannot
register('chat_beat', chat_beat, 'allow-oom')
register('reap', reap, 'allow-oom')
register('leave', leave, 'allow-oom')
register('requeue', requeue, 'allow-oom')
register('discard', discard, 'allow-oom')
register('settle', settle, 'allow-oom')
register('pause', pause, 'allow-oom')
register('resume', resume, 'allow-oom')
register('stats', stats, 'no-writes')
register('trim', trim, 'allow-oom')
register('live_write', live_write, 'allow-oom')
register('oldest', oldest, 'allow-oom')
register('release', release, 'allow-oom')
register('forget', forget, 'allow-oom')
register('repair_place', repair_place, 'allow-oom')
register('repair_record', repair_record, 'allow-oom')
register('repair_counts', repair_counts, 'allow-oom')
register('library_version', library_version, 'no-writes', 'allow-stale')
