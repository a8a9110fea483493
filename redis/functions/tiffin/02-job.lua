-- What several functions do with a job, or with the Idempotency-Key it came with.

local EVENTS_KEPT = '40000'       -- XADD MAXLEN ~; of 120 bytes, or up to 2 KB with many changes
local IDEMPOTENCY_SECONDS = 86400 -- an Idempotency-Key is kept for 24 h
-- For so long a payment gateway certainly knows a payment key. Ours keeps it for 90 days
-- (gateway.lua); the rest is time for retries.
local PAYMENT_KEY_SAFE_MS = 80 * DAY_MS
-- For so long a retention that was shorter than today's is still reported.
local KEEP_LEAST_WINDOW_MS = 90 * DAY_MS
local KEEP_LEAST_NOTED_MS = 60000 -- how often it is noted that it still holds

-- "<status> <payment_status> <kitchen_status>" of o.
local function statuses_text(o)
    return o.status .. ' ' .. o.payment_status .. ' ' .. o.kitchen_status
end

-- One version of an order as its history tells it: "<statuses> <at>".
local function history_line(o, at)
    return statuses_text(o) .. ' ' .. at
end

-- Appends one version of an order to the events.
local function add_event(events_key, id, version, o, at)
    redis.call('XADD', events_key, 'MAXLEN', '~', EVENTS_KEPT, '*', 'order', id,
               'version', text_of(version), 'status', o.status,
               'payment_status', o.payment_status, 'kitchen_status', o.kitchen_status, 'at', at)
end

-- Records the order's three statuses as its next version: the hash, its history line v<version>,
-- and one event. `o` holds id, version and the three statuses; o.version is raised.
local function record(order_key, events_key, o, at)
    o.version = tonumber(o.version) + 1
    redis.call('HSET', order_key, 'status', o.status, 'payment_status', o.payment_status,
               'kitchen_status', o.kitchen_status, 'version', o.version, 'v' .. o.version,
               history_line(o, at))
    add_event(events_key, o.id, o.version, o, at)
end

-- What the stored Idempotency-Key says about this request: nil (not stored, or the request has
-- none), 'replay' and the id of the first answer, or 'mismatch'. The key holds "<fingerprint>
-- <id>".
local function find_idempotent(idem_key, fingerprint)
    if fingerprint == '' then return nil end
    local seen = redis.call('GET', idem_key)
    if not seen then return nil end
    local first, id = string.match(seen, '^(%S+) (%S+)$')
    if first ~= fingerprint then return 'mismatch' end
    return 'replay', id
end

-- Stores the key with the answer's id; nothing when the request has none (fingerprint '').
local function store_idempotent(idem_key, fingerprint, id)
    if fingerprint == '' then return end
    redis.call('SET', idem_key, fingerprint .. ' ' .. id, 'EX', IDEMPOTENCY_SECONDS)
end

-- A repeat writes again what it has found: from Redis 8 on WAIT tells only of what its own connection
-- has written, and another one may have stored it.
local function write_again(job_key, id)
    redis.call('HSET', job_key, 'id', id)
end

local function write_idempotent_again(idem_key, fingerprint, id)
    redis.call('SET', idem_key, fingerprint .. ' ' .. id, 'KEEPTTL')
end

-- How many updates are accepted and neither published nor discarded.
local function updates_pending(count_key)
    local n = read(count_key, 'updates_accepted', 'updates_published', 'updates_discarded')
    return (n.updates_accepted or 0) - (n.updates_published or 0) - (n.updates_discarded or 0)
end

-- In the place of an epoch: claimed, and not begun yet.
local CLAIMED = '-'

-- Until library version 2 a worker's active place was a list of ids, and the epoch stood in the job
-- alone. A worker keeps the kind it began with; what several versions call serves both.
local function is_list(active_key)
    return redis.call('TYPE', active_key).ok == 'list'
end

-- Is the caller still the job's holder? Its epoch must be the latest, and the job among what it
-- holds; else it is fenced.
local function owns(job_key, active_key, id, epoch)
    if is_list(active_key) then
        return redis.call('HGET', job_key, 'epoch') == epoch
            and redis.call('LPOS', active_key, id) ~= false
    end
    return epoch ~= CLAIMED and redis.call('HGET', active_key, id) == epoch
end

-- Takes a job out of an active place. True when it was there.
local function drop(active_key, id)
    if is_list(active_key) then return redis.call('LREM', active_key, 1, id) > 0 end
    return redis.call('HDEL', active_key, id) > 0
end

-- How many jobs are in an active place.
local function count_active(active_key)
    return redis.call(is_list(active_key) and 'LLEN' or 'HLEN', active_key)
end

-- The ids in an active place, from rank `first` to `last` as in LRANGE.
local function active_ids(active_key, first, last)
    if is_list(active_key) then return redis.call('LRANGE', active_key, first, last) end
    local ids, out = redis.call('HKEYS', active_key), {}
    if first < 0 then first = math.max(0, #ids + first) end
    if last < 0 then last = #ids + last end
    for i = first + 1, math.min(last + 1, #ids) do out[#out + 1] = ids[i] end
    return out
end

-- Moves a job to the dead set: the dead letters, which wait for an operator. An order is then
-- needs_review: not final, its step is kept, and resume_status is the status that requeue restores.
local function move_to_dead(job_key, dead_key, events_key, id, reason, now)
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
        and (o.payment_key_at or o.created_at or '') < rfc3339(now - PAYMENT_KEY_SAFE_MS)
end

-- Keeps the retention among the facts. It is a setting of the workers; tiffin-ctl fsck reads the
-- latest one, and the shortest of the last 90 days. That time is not kept to the minute: a write for
-- each order would be too many.
local function note_retention(facts_key, keep_seconds, now)
    local kept = read(facts_key, 'keep_seconds', 'keep_least', 'keep_least_at')
    local least = tonumber(kept.keep_least or keep_seconds)
    local age = now - tonumber(kept.keep_least_at or 0)
    if tonumber(kept.keep_seconds) ~= keep_seconds then
        redis.call('HSET', facts_key, 'keep_seconds', keep_seconds)
    end
    if keep_seconds < least or age > KEEP_LEAST_WINDOW_MS
        or (keep_seconds == least and math.abs(age) > KEEP_LEAST_NOTED_MS) then
        redis.call('HSET', facts_key, 'keep_least', keep_seconds, 'keep_least_at', now)
    end
end

-- Counts an order that is over and makes it expire.
local function finish_order(order_key, count_key, facts_key, status, keep_seconds, now)
    redis.call('HINCRBY', count_key, 'settled', 1)
    redis.call('HINCRBY', count_key, status, 1)
    redis.call('EXPIRE', order_key, keep_seconds)
    if facts_key then note_retention(facts_key, keep_seconds, now) end
end
