-- What tiffin-ctl fsck --repair calls. The caller found something wrong a moment ago; these check
-- again themselves, so nothing is done to a job that was moved meanwhile. A job that one registered
-- worker holds stays with it, and comes out by step, fail or reap as always; where a job is taken
-- from a worker, its holder is fenced.

-- Are the statuses final? (An update has none.)
local function is_final(j)
    return j.status == 'delivered' or j.status == 'payment_failed'
        or (j.status == 'cancelled' and j.payment_status ~= 'pending' and j.payment_status ~= 'paid')
end

-- Is it over, by its step and its statuses? nil when the two disagree: then an operator must
-- decide.
local function is_over(j)
    if not j.step or (j.version and not j.status) then return nil end
    if not j.version then return j.step == 'published' end
    if (j.step == 'settled') ~= is_final(j) then return nil end
    return j.step == 'settled'
end

-- Where the job with this hash has to stand: 'nowhere', 'dead', 'any' (ready, delayed or an active
-- place), 'kept' (dead, or any when it is not there: an update has no status that says so); nil when
-- an operator must decide.
local function right_place(j, exists)
    if not exists then return 'nowhere' end
    local over = is_over(j)
    if over then return 'nowhere' end
    if over == nil then return nil end
    if j.status == 'needs_review' then return 'dead' end
    return j.version and 'any' or 'kept'
end

local function times_in_list(list_key, id)
    return #redis.call('LPOS', list_key, id, 'COUNT', 0)
end

-- A hash has it once; only a list can have it several times.
local function times_active(active_key, id)
    if is_list(active_key) then return times_in_list(active_key, id) end
    return redis.call('HEXISTS', active_key, id)
end

-- Takes it out of an active place: `n` of its entries, 0 = all.
local function remove_active(active_key, id, n)
    if is_list(active_key) then
        redis.call('LREM', active_key, n, id)
    else
        redis.call('HDEL', active_key, id)
    end
end

-- Has the caller named every registered worker, from argv[2] on?
local function names_all_workers(workers_key, argv)
    local named = {}
    for i = 2, #argv do named[argv[i]] = true end
    for _, worker in ipairs(redis.call('SMEMBERS', workers_key)) do
        if not named[worker] then return false end
    end
    return true
end

-- The active places that have the job, by the arguments of repair_place: of registered workers, and
-- how often they have it together; and of others.
local function find_holders(keys, argv)
    local workers, id, owners, strays, owned = keys[5], argv[1], {}, {}, 0
    for i = 2, #argv do
        local heartbeat, active = keys[2 + 2 * i], keys[3 + 2 * i]
        local n = times_active(active, id)
        -- A worker with a heartbeat registers itself with its next one.
        local is_known = redis.call('SISMEMBER', workers, argv[i]) == 1
            or redis.call('EXISTS', heartbeat) == 1
        if n > 0 and is_known then
            owners[#owners + 1], owned = active, owned + n
        elseif n > 0 then
            strays[#strays + 1] = active
        end
    end
    return owners, owned, strays
end

-- Takes the job out of these active places; in the one that may keep it, one entry stays.
local function remove_from_owners(owners, owned, keep, id)
    for _, active in ipairs(owners) do
        if active ~= keep then
            remove_active(active, id, 0)
        elseif owned > 1 then
            remove_active(active, id, owned - 1)
        end
    end
end

--[[ repair_place: puts one job where it belongs: one that is nowhere goes to ready, of several
places one stays, a job that is over, or never was, goes out of all of them.
KEYS  job, ready, delayed, dead, workers, then heartbeat and active place of each worker that is
      registered or has one
ARGV  id, worker, ... (one per pair of keys)
-> {'repaired', what was done} | {'nothing'} it stands right | {'changed'} a worker has come since
   the caller looked: ask again | {'undecided'} an operator must decide ]]
local function repair_place(keys, argv)
    local job, ready, delayed, dead, id = keys[1], keys[2], keys[3], keys[4], argv[1]
    if #keys - 5 ~= 2 * (#argv - 1) then return redis.error_reply('TIFFIN two keys per worker') end
    if not names_all_workers(keys[5], argv) then return { 'changed' } end

    local j = read(job, 'step', 'status', 'payment_status', 'version', 'dead_reason')
    local where = right_place(j, redis.call('EXISTS', job) == 1)
    local owners, owned, strays = find_holders(keys, argv)
    local n_ready = times_in_list(ready, id)
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

    redis.call('LREM', ready, 0, id)
    for _, active in ipairs(strays) do remove_active(active, id, 0) end
    remove_from_owners(owners, owned, keep, id)
    if keep ~= delayed then redis.call('ZREM', delayed, id) end
    if keep ~= dead then redis.call('ZREM', dead, id) end
    if not keep then return { 'repaired', 'removed from the queue' } end
    if keep == ready or keep == dead then
        redis.call('HINCRBY', job, 'epoch', 1) -- fences its last holder
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
    local created, keep_seconds, done = integer_arg(argv[2], 0), integer_arg(argv[3], 1), {}
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
stands right; it reads every job there is, and Redis serves no other call meanwhile (about 0.1 s for
100,000). `settled` is the sum of its three kinds; `placed` is that and what is in the places.
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
    for i = 6, #keys do add(active_ids(keys[i], 0, -1)) end

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

register('repair_place', repair_place, 'allow-oom')
register('repair_record', repair_record, 'allow-oom')
register('repair_counts', repair_counts, 'allow-oom')
