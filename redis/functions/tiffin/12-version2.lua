-- What programs of library version 2 call: the API to place one order, workers to take a job and
-- bring it forward, whose active place is a list. Served for one release.

--[[ place: one order. Versions 2 and earlier.
KEYS  order, ready, index, count, events, restaurant, user, user's orders, idem
ARGV  id, restaurant id, item, quantity, user id, fingerprint, deadline (ms, Redis' clock)
-> as place_orders says of one order; an error instead of {'error', text} ]]
local function place(keys, argv)
    local order = { keys[2], keys[3], keys[4], keys[5], keys[1], unpack(keys, 6, 9) }
    local out = place_orders(order, { 0, unpack(argv, 1, 7) })
    if out.err then return out end
    if out[1][1] == 'error' then return redis.error_reply(out[1][2]) end
    return out[1]
end

--[[ take: claims up to n jobs into the worker's list: first the delayed ones that are due, the
oldest first, then ready ones. Only for a registered worker: another one's list would never be
reaped. A paused queue gives nothing; jobs that are held go on.
KEYS  ready, active, delayed, workers, paused
ARGV  worker id, n, what time it is by Redis' clock as the caller knows it (ms; not given by callers
      of version 1)
-> {ms until the next delayed job is due (-1 = none), id, ...} | {'unregistered'} |
   {'late'} the call comes too late, or Redis' clock was set forward: beat, which shows which ]]
local function take(keys, argv)
    local ready, active, delayed, workers, paused = keys[1], keys[2], keys[3], keys[4], keys[5]
    local worker, n = argv[1], integer_arg(argv[2], 0)

    if redis.call('SISMEMBER', workers, worker) == 0 then return { 'unregistered' } end
    local now = now_ms()
    if now - integer_arg(argv[3] or now, 0) > CLOCK_TOLERANCE_MS then return { 'late' } end
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
Past the time for which the gateway certainly knows the payment key, neither charge nor refund is
begun: the order moves to dead, for an operator.
KEYS  job (order or update), active, dead, events
ARGV  id
-> {'begun', epoch, step, tries, status, amount_cents, currency, payment_key} ('' where an update
   has none, or no intent exists) | {'gone'} (no longer in the worker's list) | {'dead', reason}
   (a caller of version 1 gives two keys; it gets {'gone'}, and gives the job back by leave) ]]
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
        move_to_dead(job, dead, events, id, PAST_GATEWAY_REASON, now)
        return { 'dead', PAST_GATEWAY_REASON }
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

--[[ step: one step is done. State, history, event, acknowledgement and next job are one fact.
KEYS  order, active, ready, delayed, events, count, facts (not given by callers of version 1)
ARGV  id, epoch, step, result ('ok'; payment also 'declined', 'not_charged'),
      wait before the next step (ms; 0 = the worker keeps the job, with a new epoch),
      how long a settled order is kept (s)
-> {'held', version, next step, new epoch} | {'delayed', version, next step} |
   {'settled', version} | {'fenced'} ]]
local function step(keys, argv)
    local order, active, delayed, events, count = keys[1], keys[2], keys[4], keys[5], keys[6]
    local id, epoch, done, result = argv[1], argv[2], argv[3], argv[4]
    local wait, keep_seconds = integer_arg(argv[5], 0), integer_arg(argv[6], 1)

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
        finish_order(order, count, keys[7], o.status, keep_seconds, now)
        return { 'settled', tonumber(o.version) }
    end
    if wait > 0 and next_step ~= 'refund' then -- money owed does not wait for a stage
        redis.call('LREM', active, 1, id)
        redis.call('ZADD', delayed, now + wait, id)
        return { 'delayed', tonumber(o.version), next_step }
    end
    return { 'held', tonumber(o.version), next_step, redis.call('HINCRBY', order, 'epoch', 1) }
end

register('place', place)
register('take', take, 'allow-oom')
register('begin', begin, 'allow-oom')
register('intent', intent, 'allow-oom')
register('step', step, 'allow-oom')
