-- Workers come, live and go: heartbeats, which also watch Redis' clock, and the jobs of those that
-- are gone.

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

register('beat', beat, 'allow-oom')
register('clock_set', clock_set, 'allow-oom')
register('reap', reap, 'allow-oom')
register('leave', leave, 'allow-oom')
