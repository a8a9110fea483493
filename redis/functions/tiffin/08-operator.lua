-- What an operator commands: tiffin-ctl requeue, discard, settle, pause, resume.

-- Takes a job out of the dead set, where it must be, fences its last holder and clears what its
-- failures left.
local function take_from_dead(job_key, dead_key, id)
    redis.call('ZREM', dead_key, id)
    redis.call('HINCRBY', job_key, 'epoch', 1)
    redis.call('HDEL', job_key, 'tries', 'crashes', 'dead_reason')
end

--[[ requeue: a dead job goes on at the step it had, with all its tries again.
KEYS  job, ready, dead, events
ARGV  id
-> {'requeued', step} | {'not_dead'} | {'past_gateway', since} the gateway may have forgotten its
   key: see settle ]]
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
    take_from_dead(job, dead, id)
    if o.version then
        redis.call('HDEL', job, 'resume_status')
        record(job, events, o, rfc3339(now))
    end
    redis.call('RPUSH', ready, id)
    return { 'requeued', o.step }
end

--[[ discard: gives up a dead job. An order is cancelled, so that what was paid, or may have been,
is refunded; an update is deleted.
KEYS  job, ready, dead, events, count
ARGV  id
-> {'discarded', the step that settles it ('' = none)} | {'not_dead'} | {'past_gateway', since} as
   in requeue ]]
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
    take_from_dead(job, dead, id)
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

--[[ settle: ends a dead order by what an operator found in the gateway's books, where no program
may ask the gateway any more, or its answer contradicts ours. No money moves here.
KEYS  order, dead, events, count, facts
ARGV  id, what became of the money ('refunded': it was sent back by hand; 'not_charged': none was
      taken), how long a settled order is kept (s)
-> {'settled', version} | {'not_dead'} | {'misfit', payment_status} it cannot have become that ]]
local function settle(keys, argv)
    local order, dead, events, count = keys[1], keys[2], keys[3], keys[4]
    local id, payment, keep_seconds = argv[1], argv[2], integer_arg(argv[3], 1)
    if not redis.call('ZSCORE', dead, id) then return { 'not_dead' } end
    local o = read(order, 'id', 'version', 'payment_status', 'payment_key')
    local is_open = o.payment_status == 'pending' or o.payment_status == 'paid'
    if not o.version or not is_open
        or not (payment == 'not_charged' or (payment == 'refunded' and o.payment_key)) then
        return { 'misfit', o.payment_status or '' }
    end
    local now = now_ms()
    take_from_dead(order, dead, id)
    redis.call('HDEL', order, 'resume_status')
    redis.call('HSET', order, 'step', 'settled', 'settled_by_hand', rfc3339(now))
    o.status, o.payment_status, o.kitchen_status = 'cancelled', payment, 'cancelled'
    record(order, events, o, rfc3339(now))
    finish_order(order, count, keys[5], o.status, keep_seconds, now)
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

register('requeue', requeue, 'allow-oom')
register('discard', discard, 'allow-oom')
register('settle', settle, 'allow-oom')
register('pause', pause, 'allow-oom')
register('resume', resume, 'allow-oom')
