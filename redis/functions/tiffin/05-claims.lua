-- A worker claims jobs, and begins on them.

-- The dead_reason of an order whose money must not be asked for any more (is_past_gateway).
local PAST_GATEWAY_REASON = 'the payment is older than the gateway remembers: look into its books, '
    .. 'then tiffin-ctl settle'

--[[ claim: hands up to n jobs to the worker: first the delayed ones that are due, the oldest first,
then ready ones. Only to a registered worker: what another one holds would never be reaped. A paused
queue gives nothing; jobs that are held go on.
KEYS  ready, active, delayed, workers, paused
ARGV  worker id, n, what time it is by Redis' clock as the caller knows it (ms)
-> {ms until the next delayed job is due (-1 = none), id, ...} | {'unregistered'} |
   {'late'} the call comes too late, or Redis' clock was set forward: beat, which shows which ]]
local function claim(keys, argv)
    local ready, active, delayed, workers, paused = keys[1], keys[2], keys[3], keys[4], keys[5]
    local worker, n, asked = argv[1], integer_arg(argv[2], 0), integer_arg(argv[3], 0)

    if redis.call('SISMEMBER', workers, worker) == 0 then return { 'unregistered' } end
    local now = now_ms()
    if now - asked > CLOCK_TOLERANCE_MS then return { 'late' } end
    if redis.call('EXISTS', paused) == 1 then return { -1 } end
    local ids = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, n)
    if #ids > 0 then redis.call('ZREM', delayed, unpack(ids)) end
    if #ids < n then
        for _, id in ipairs(redis.call('RPOP', ready, n - #ids) or {}) do ids[#ids + 1] = id end
    end
    local entries, out = {}, { -1 }
    for i, id in ipairs(ids) do
        entries[2 * i - 1], entries[2 * i] = id, CLAIMED
        out[i + 1] = id
    end
    if #ids > 0 then redis.call('HSET', active, unpack(entries)) end
    local next_due = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
    if next_due[2] then out[1] = math.max(0, next_due[2] - now) end
    return out
end

-- Writes what begin makes of a job: its epoch, and the payment key of an order that is about to be
-- paid: once, before the gateway is called, and never changed again: it is what makes a repeated
-- charge the same charge. Returns the order's payment key, or nil.
local function store_begin(call, job_key, j, epoch, proposed_key)
    if j.step ~= 'payment' or j.payment_key or j.status == 'cancelled' then
        redis.call('HSET', job_key, 'epoch', epoch)
        return j.payment_key
    end
    if (j.created_at or '') < call.day_ago then
        redis.call('HSET', job_key, 'epoch', epoch, 'payment_key', proposed_key,
                   'payment_key_at', rfc3339(call.now))
    else -- the usual order stays small: its key is hardly younger than itself
        redis.call('HSET', job_key, 'epoch', epoch, 'payment_key', proposed_key)
    end
    return proposed_key
end

-- Begins one job. call: keys and time of the call, and what it has yet to write to the active place.
local function begin_one(call, job_key, id, is_held, proposed_key)
    if not is_held then return { 'gone' } end
    local f = redis.pcall('HMGET', job_key, 'step', 'tries', 'status', 'amount_cents', 'currency',
                          'payment_key', 'payment_key_at', 'created_at', 'epoch')
    if f.err then return { 'error', f.err } end
    local j = { step = f[1], tries = f[2], status = f[3] or '', payment_key = f[6] or nil,
                payment_key_at = f[7] or nil, created_at = f[8] or nil, id = id }
    if not j.step or j.step == 'settled' or j.step == 'published' then
        call.gone[#call.gone + 1] = id
        return { 'gone' }
    end
    if is_past_gateway(j, call.now) then
        call.gone[#call.gone + 1] = id
        move_to_dead(job_key, call.dead, call.events, id, PAST_GATEWAY_REASON, call.now)
        return { 'dead', PAST_GATEWAY_REASON }
    end
    local epoch = (tonumber(f[9]) or 0) + 1
    local payment_key = store_begin(call, job_key, j, text_of(epoch), proposed_key)
    call.begun[#call.begun + 1] = id
    call.begun[#call.begun + 1] = text_of(epoch)
    return { 'begun', epoch, j.step, tonumber(j.tries or 0), j.status, tonumber(f[4] or 0),
             f[5] or '', payment_key or '' }
end

--[[ begin_jobs: the worker starts on jobs that it has claimed. Raises the epoch of each: earlier
holders are fenced. An order that is about to be paid gets its payment key. Past the time for which
the gateway certainly knows a payment key, neither charge nor refund is begun: the order moves to
dead, for an operator.
KEYS  active, dead, events, job (order or update), ...
ARGV  id, proposed payment key, ... (two per job key)
-> an answer per job: {'begun', epoch, step, tries, status, amount_cents, currency, payment_key} (''
   where an update has none, or an order has none yet) | {'gone'} (not among what the worker holds) |
   {'dead', reason} | {'error', text} ]]
local function begin_jobs(keys, argv)
    local active, ids, out, now = keys[1], {}, {}, now_ms()
    local call = { dead = keys[2], events = keys[3], now = now, day_ago = rfc3339(now - DAY_MS),
                   gone = {}, begun = {} }
    if #argv ~= 2 * (#keys - 3) or #argv == 0 then
        return redis.error_reply('TIFFIN two arguments per job key')
    end
    for i = 1, #argv, 2 do ids[#ids + 1] = argv[i] end
    local held = redis.call('HMGET', active, unpack(ids))
    for i, id in ipairs(ids) do
        out[i] = begin_one(call, keys[3 + i], id, held[i], argv[2 * i])
    end
    if #call.begun > 0 then redis.call('HSET', active, unpack(call.begun)) end
    if #call.gone > 0 then redis.call('HDEL', active, unpack(call.gone)) end
    return out
end

register('claim', claim, 'allow-oom')
register('begin_jobs', begin_jobs, 'allow-oom')
