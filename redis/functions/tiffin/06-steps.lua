-- A worker reports how the steps of its jobs went.

-- Which step follows which, when all goes well and the order is not cancelled.
local NEXT_STEP = {
    payment = 'kitchen',
    kitchen = 'preparing_food',
    preparing_food = 'quality_check',
    quality_check = 'out_for_delivery',
    out_for_delivery = 'delivered',
    delivered = 'settled',
    refund = 'settled',
}

local STATUSES = { 'status', 'payment_status', 'kitchen_status' }

-- What a finished step makes of the order: changes o's statuses, returns the next step and whether
-- a status changed; nil when the result does not fit the step.
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

-- Writes a step's outcome to the order: the next step, and where a status changed, the next version,
-- which is also noted for the call's event. Only what is new: each byte goes to the AOF as well.
local function store_step(call, order_key, id, was, o, next_step, is_visible)
    local set = { 'step', next_step }
    if is_visible then
        o.version = o.version + 1
        local version, statuses = text_of(o.version), statuses_text(o)
        call.changes[#call.changes + 1] = id .. ' ' .. version .. ' ' .. statuses
        for i, name in ipairs(STATUSES) do
            if o[name] ~= was[i] then
                set[#set + 1] = name
                set[#set + 1] = o[name]
            end
        end
        local n = #set
        set[n + 1], set[n + 2] = 'version', version
        set[n + 3], set[n + 4] = 'v' .. version, statuses .. ' ' .. call.at
    end
    redis.call('HSET', order_key, unpack(set))
    if o.tries or o.crashes then redis.call('HDEL', order_key, 'tries', 'crashes') end
end

-- Ends one step of one job. call: keys, time and settings of the call, and what it has yet to write
-- for all its jobs. job: key, id, step, result, wait.
local function step_one(call, job, is_mine)
    if not is_mine then return { 'fenced' } end
    local f = redis.pcall('HMGET', job.key, 'status', 'payment_status', 'kitchen_status', 'version',
                          'step', 'payment_key', 'tries', 'crashes')
    if f.err then return { 'error', f.err } end
    if f[5] ~= job.step then
        return { 'error', 'TIFFIN step is ' .. tostring(f[5]) .. ', not ' .. job.step }
    end
    if not (f[1] and f[2] and f[3] and tonumber(f[4])) then
        return { 'error', 'TIFFIN it is no order' }
    end
    local o = { status = f[1], payment_status = f[2], kitchen_status = f[3],
                version = tonumber(f[4]), payment_key = f[6], tries = f[7], crashes = f[8] }
    local next_step, is_visible = advance(o, job.step, job.result)
    if not next_step then
        return { 'error', 'TIFFIN result ' .. job.result .. ' does not fit step ' .. job.step }
    end

    store_step(call, job.key, job.id, f, o, next_step, is_visible)
    if next_step == 'settled' then
        redis.call('EXPIRE', job.key, call.keep_text)
        call.gone[#call.gone + 1] = job.id
        call.settled[o.status] = (call.settled[o.status] or 0) + 1
        return { 'settled', o.version }
    end
    if job.wait > 0 and next_step ~= 'refund' then -- money owed does not wait for a stage
        call.gone[#call.gone + 1] = job.id
        call.due[#call.due + 1] = text_of(call.now + job.wait)
        call.due[#call.due + 1] = job.id
        return { 'delayed', o.version, next_step }
    end
    return { 'held', o.version, next_step }
end

-- Writes what step_jobs has gathered for all its jobs. All its changes are one event: a third of the
-- bytes that one each by fields would cost in the AOF, and steps make most of them. Readers of
-- library version 2 know fields alone: so in an upgrade tiffin-api comes before tiffin-worker.
local function finish_steps(call)
    if #call.changes > 0 then
        redis.call('XADD', call.events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'at', call.at,
                   'changes', table.concat(call.changes, '\n'))
    end
    if #call.due > 0 then redis.call('ZADD', call.delayed, unpack(call.due)) end
    if #call.gone > 0 then redis.call('HDEL', call.active, unpack(call.gone)) end
    local n = 0
    for status, times in pairs(call.settled) do
        redis.call('HINCRBY', call.count, status, times)
        n = n + times
    end
    if n == 0 then return end
    redis.call('HINCRBY', call.count, 'settled', n)
    note_retention(call.facts, call.keep_seconds, call.now)
end

-- The jobs of step_jobs' arguments, and their ids; an error when one is malformed or comes twice.
local function read_steps(keys, argv)
    local jobs, ids, seen = {}, {}, {}
    if #argv ~= 1 + 5 * (#keys - 5) or #argv == 1 then
        error(redis.error_reply('TIFFIN five arguments per job key'))
    end
    for i = 6, #keys do
        local at = 2 + 5 * (i - 6)
        local id = argv[at]
        if seen[id] then error(redis.error_reply('TIFFIN one step per job')) end
        seen[id] = true
        ids[i - 5] = id
        jobs[i - 5] = { key = keys[i], id = id, epoch = argv[at + 1], step = argv[at + 2],
                        result = argv[at + 3], wait = integer_arg(argv[at + 4], 0) }
    end
    return jobs, ids
end

--[[ step_jobs: one step of each of these orders is done. State, history, event, acknowledgement and
next job are one fact.
KEYS  active, delayed, events, count, facts, order, ...
ARGV  how long a settled order is kept (s), then five per order key: id, epoch, step, result ('ok';
      payment also 'declined', 'not_charged'), wait before the next step (ms; 0 = the worker keeps
      the job, under the same epoch)
-> an answer per job: {'held', version, next step} | {'delayed', version, next step} |
   {'settled', version} | {'fenced'} | {'error', text} ]]
local function step_jobs(keys, argv)
    local jobs, ids = read_steps(keys, argv)
    local now, keep_seconds, out = now_ms(), integer_arg(argv[1], 1), {}
    local call = { active = keys[1], delayed = keys[2], events = keys[3], count = keys[4],
                   facts = keys[5], keep_seconds = keep_seconds,
                   keep_text = text_of(keep_seconds), now = now, at = rfc3339(now),
                   changes = {}, gone = {}, due = {}, settled = {} }
    local held = redis.call('HMGET', call.active, unpack(ids))
    for i, job in ipairs(jobs) do
        out[i] = step_one(call, job, held[i] == job.epoch and job.epoch ~= CLAIMED)
    end
    finish_steps(call)
    return out
end

--[[ fail: the step failed. It is retried after a wait, or the job is dead when it has had its
tries.
KEYS  job, active, delayed, dead, events
ARGV  id, epoch, wait (ms), tries allowed, reason
-> {'delayed', tries so far} | {'dead', tries} | {'fenced'} ]]
local function fail(keys, argv)
    local job, active, delayed, dead, events = keys[1], keys[2], keys[3], keys[4], keys[5]
    local id, epoch = argv[1], argv[2]
    local wait, allowed = integer_arg(argv[3], 0), integer_arg(argv[4], 1)

    if not owns(job, active, id, epoch) then return { 'fenced' } end
    local now = now_ms()
    local tries = redis.call('HINCRBY', job, 'tries', 1)
    drop(active, id)
    if tries >= allowed then
        move_to_dead(job, dead, events, id, argv[5], now)
        return { 'dead', tries }
    end
    redis.call('ZADD', delayed, now + wait, id)
    return { 'delayed', tries }
end

register('step_jobs', step_jobs, 'allow-oom')
register('fail', fail, 'allow-oom')
