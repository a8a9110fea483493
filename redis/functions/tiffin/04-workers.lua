-- The workers: their heartbeats, which also find out when Redis' clock was set, and the orphaned
-- jobs of those that are gone.

-- Moves the due times of all delayed jobs by as much as Redis' clock was set (ms; negative: back),
-- as they were made by the clock of before.
local function shift_delayed(delayed_key, ms)
    local jobs = redis.call('ZRANGE', delayed_key, 0, -1, 'WITHSCORES')
    for i = 1, #jobs, 2 do redis.call('ZADD', delayed_key, jobs[i + 1] + ms, jobs[i]) end
end

-- The pulse is the heartbeats of all workers together. It is kept here, because a worker that was
-- just started (after the one before was killed) cannot know it from its own. All in ms:
--     since   heartbeats have come without a gap since then
--     last    the latest one
--     set_at  when the clock was set forward (0 = never, or it was set back later)
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

-- Adds a heartbeat to the pulse. Returns for how long it has been steady, and by how much the clock
-- was set back since the last one (ms). More than half a time to live without one is a gap: no
-- worker was alive, or the clock was set forward; times before it cannot be compared with those
-- after it.
local function update_pulse(pulse_key, ttl, now)
    local p = read_pulse(pulse_key)
    local set_back = p.last and math.max(0, p.last - now) or 0
    if not p.last or set_back > 0 or now - p.last > ttl / 2 then p.since = now end
    if set_back > 0 then p.set_at = 0 end
    p.last = now
    write_pulse(pulse_key, p)
    return now - p.since, set_back
end

-- Has this worker a valid heartbeat? One from the future was sent before the clock was set back and
-- would not expire for as long as that was.
local function is_alive(heartbeat_key, now)
    local at = redis.call('GET', heartbeat_key)
    return at and at <= rfc3339(now + CLOCK_TOLERANCE_MS)
end

-- Does a missing heartbeat mean that its worker is dead? Expiry runs by Redis' clock, and setting
-- that forward expires all. So only when the pulse has been steady long enough for every live
-- worker to have sent one, and when the caller, whose own clock never jumps, agrees on the time.
local function can_trust_expiry(pulse_key, ttl, expected, now)
    local p = read_pulse(pulse_key)
    return p.since and now - p.since >= ttl
        and math.abs(now - expected) <= CLOCK_TOLERANCE_MS
end

--[[ beat: a worker's heartbeat. Registers the worker when it is new.
KEYS  workers, worker, pulse, delayed (the last, or both: not given by callers of earlier versions)
ARGV  worker id, time to live (ms)
-> {'ok', ms for which the heartbeats of all have been steady, now (ms)} ]]
local function beat(keys, argv)
    local ttl, now = integer_arg(argv[2], 1), now_ms()
    redis.call('SADD', keys[1], argv[1])
    redis.call('SET', keys[2], rfc3339(now), 'PX', ttl)
    if not keys[3] then return { 'ok' } end
    local steady, set_back = update_pulse(keys[3], ttl, now)
    if set_back > 0 and keys[4] then shift_delayed(keys[4], -set_back) end
    return { 'ok', steady, now }
end

--[[ clock_set: Redis' clock was set forward. Redis cannot notice, but a worker can, whose own clock
never jumps: between two heartbeats Redis' clock moved by more than its own. Every worker reports
it; the first report shifts the delayed jobs. A later one is known by its time of last agreement,
which lies before that.
KEYS  pulse, delayed
ARGV  when the caller last agreed with Redis' clock (ms, by that clock), by how much it was set (ms)
-> {'put_off'|'known', now (ms)} ]]
local function clock_set(keys, argv)
    local pulse, delayed = keys[1], keys[2]
    local agreed, ms, now = integer_arg(argv[1], 0), integer_arg(argv[2], 1), now_ms()
    local p = read_pulse(pulse)
    if agreed < p.set_at then return { 'known', now } end
    shift_delayed(delayed, ms)
    p.since, p.last, p.set_at = now, now, now
    write_pulse(pulse, p)
    return { 'put_off', now }
end

-- Takes a job from a worker and fences its holder. True when the job was there and still exists.
local function take_from_worker(job_key, active_key, id)
    if not drop(active_key, id) then return false end
    if redis.call('EXISTS', job_key) == 0 then return false end
    redis.call('HINCRBY', job_key, 'epoch', 1)
    return true
end

--[[ reap: requeues a dead worker's orphaned jobs, at the taking end of the queue. Only when its
heartbeat is gone, and that can be trusted. The caller names the jobs it saw there, so that
every key is in KEYS; call it again while something is left.
KEYS  workers, worker, active, ready, dead, events, pulse, job, ...
ARGV  dead worker's id, crashes allowed without progress, time to live (ms), what time it is by
      Redis' clock as the caller knows it (ms), id, ... (one per job key)
      (callers of version 1 give neither pulse nor the two times; a number is no id)
-> {'reaped', moved, left} | {'alive'} or it cannot be told now ]]
local function reap(keys, argv)
    local workers, heartbeat, active = keys[1], keys[2], keys[3]
    local ready, dead, events = keys[4], keys[5], keys[6]
    local worker, allowed, now = argv[1], integer_arg(argv[2], 1), now_ms()
    local has_clock = tonumber(argv[3]) ~= nil
    local first_job, first_id = has_clock and 8 or 7, has_clock and 5 or 3

    if #keys - first_job ~= #argv - first_id then
        return redis.error_reply('TIFFIN one id per job key')
    end
    if is_alive(heartbeat, now) or (has_clock and not can_trust_expiry(
            keys[7], integer_arg(argv[3], 1), integer_arg(argv[4], 0), now)) then
        return { 'alive' }
    end
    local moved = 0
    for i = first_job, #keys do
        local job, id = keys[i], argv[i - first_job + first_id]
        if take_from_worker(job, active, id) then
            moved = moved + 1
            if redis.call('HINCRBY', job, 'crashes', 1) >= allowed then
                move_to_dead(job, dead, events, id, 'its workers keep dying', now)
            else
                redis.call('RPUSH', ready, id)
            end
        end
    end
    local left = count_active(active)
    if left == 0 then redis.call('SREM', workers, worker) end
    return { 'reaped', moved, left }
end

--[[ leave: a worker shuts down and gives back what it holds; nothing is counted as a crash. Once
everything is given back it is no longer registered.
KEYS  workers, worker, active, ready, job, ...
ARGV  worker id, id, ... (one per job key)
-> {'left', given back, still held} ]]
local function leave(keys, argv)
    local workers, heartbeat, active, ready = keys[1], keys[2], keys[3], keys[4]
    local moved = 0

    if #keys - 4 ~= #argv - 1 then return redis.error_reply('TIFFIN one id per job key') end
    for i = 5, #keys do
        local id = argv[i - 3]
        if take_from_worker(keys[i], active, id) then
            moved = moved + 1
            redis.call('RPUSH', ready, id)
        end
    end
    local held = count_active(active)
    if held == 0 then
        redis.call('SREM', workers, argv[1])
        redis.call('DEL', heartbeat)
    end
    return { 'left', moved, held }
end

register('beat', beat, 'allow-oom')
register('clock_set', clock_set, 'allow-oom')
register('reap', reap, 'allow-oom')
register('leave', leave, 'allow-oom')
