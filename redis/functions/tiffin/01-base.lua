--[[ The library tiffin: the only place where an order changes. Here is what all its parts use.

Each function is one atomic fact: Redis runs it whole, before anyone else, and appends its writes
to the AOF as one transaction. It does not roll back, so every function checks first and writes
last. Every key comes in KEYS (all share the hash tag {s00}, so one Redis Cluster slot), every
time comes from Redis' own clock, and no function ever trusts the clock of its caller.

An order's job is the order's id; where it stands in the queue is one of four places:

    place --> ready --claim--> active:<worker> --step--> delayed --claim--> active ... --> settled
                ^                |    ^  (waits 0: kept)
                +---- reap ------+    +-- fail --> delayed, after 8 tries dead

Invariant: each unsettled order is in exactly one of ready, one active place, delayed, dead.

Fencing (M. Kleppmann, "How to do distributed locking", 2016): what a worker holds is a hash, id ->
epoch. `begin_jobs` raises the job's epoch, writes it there and gives it to the worker; a later write
must bring the epoch that stands there, else it answers {'fenced'} and nothing is changed.

begin_jobs and step_jobs take several jobs in one call, each with an answer of its own: so a busy
worker pays for the call, its transaction in the AOF and the time once for all of them.

The C side of each call, with the same names, is fcgi/order/store.c.
When the arguments of a function change in a way old callers would not survive, add a new
function and keep the old one for one release: a rolling upgrade has both kinds of caller.

tiffin-load joins the parts of this folder, by their numbers, into one Lua chunk (redis/library.h):
a local of one part is known to those that follow. What several parts use is in 01 and 02. Where
Redis reports an error in user_function:3042, that is line 42 of part 03. ]]

local VERSION = '3'

local CLOCK_TOLERANCE_MS = 1000 -- further apart, a caller and Redis do not agree on the time
local DAY_MS = 86400 * 1000
local UPDATE_DONE_SECONDS = 60  -- a published update is kept so that a late repeat finds it

-- allow-oom: Redis at maxmemory refuses writes, and these only move or settle what is there.
local function register(name, callback, ...)
    redis.register_function { function_name = name, callback = callback, flags = { ... } }
end

-- Milliseconds since the epoch by Redis' clock.
local function now_ms()
    local t = redis.call('TIME')
    return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- RFC 3339 of whole seconds, without the fraction. Days to civil date: H. Hinnant, "chrono-Compatible
-- Low-Level Date Algorithms", civil_from_days.
local function rfc3339_seconds(seconds)
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
    return string.format('%04d-%02d-%02dT%02d:%02d:%02d', year, month, day,
                         math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60)
end

-- The latest second asked for and its text: thousands of calls ask for the same one.
local latest_second, latest_text

-- RFC 3339, UTC, milliseconds.
local function rfc3339(ms)
    local seconds = math.floor(ms / 1000)
    if seconds ~= latest_second then
        latest_second, latest_text = seconds, rfc3339_seconds(seconds)
    end
    return string.format('%s.%03dZ', latest_text, ms % 1000)
end

-- An argument that must be an integer from `least` on; any other ends the call with an error, so
-- read all arguments before the first write. (NaN and the infinities fail the comparisons.)
local function integer_arg(argument, least)
    local n = tonumber(argument)
    if n and n >= least and n <= 1e15 and n == math.floor(n) then return n end
    error(redis.error_reply('TIFFIN not a whole number from ' .. least .. ' on: '
                            .. tostring(argument)))
end

-- A whole number as text. redis.call takes numbers too, but writes each out by "%.17g", which takes
-- a microsecond: where thousands of calls a second pass one, it is passed as text.
local function text_of(n)
    return string.format('%d', n)
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

-- What /readyz compares with the version that its program was built for (order/keys.h).
local function library_version()
    return VERSION
end

register('library_version', library_version, 'no-writes', 'allow-stale')

-- What /readyz asks. It writes nothing, but is declared to, so Redis refuses it wherever it would
-- refuse an order: on a replica, with too few replicas, at a node without the slot, with a log that
-- cannot be written. KEYS: count.
register('ready', library_version, 'allow-oom')
