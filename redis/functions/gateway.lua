#!lua name=gateway

--[[ The ledger of the simulated payment gateway: the world outside Tiffin, so it has a library, a
Redis user and keys of its own, and Tiffin's functions never touch them.

A real gateway remembers an idempotency key and answers a repeat with its first result. This one
does the same, and counts, so that a test can prove how often a charge was asked for and that it
was captured once. One hash a payment key:

    requests  how often a charge was asked for     captures  how often money moved (0 or 1)
    refunds   how often money went back (0 or 1)   result    captured | declined, the first one ]]

-- An entry is kept for 90 days from its last charge or refund: longer than any retry can take, also
-- one that is requeued after weeks in review, and longer than an order is kept by
-- default. (Stripe keeps its idempotency keys for 30 days.)
local KEEP_SECONDS = 90 * 86400

-- Milliseconds since the epoch by Redis' clock.
local function now_ms()
    local t = redis.call('TIME')
    return t[1] * 1000 + math.floor(t[2] / 1000)
end

--[[ gateway_charge
KEYS  ledger entry
ARGV  amount (minor units), currency, what to answer if this key is new: captured | declined,
      deadline (ms, Redis' clock; 0 or not given = none): a new key that comes later is not charged
-> {first result, requests so far} | {'late'} | error on an amount other than the first one's

The deadline is the end of the caller's lease on the order: after it another worker may have charged
the same key, and the entry may even have been forgotten since. ]]
local function charge(keys, argv)
    local entry, amount, currency, outcome = keys[1], argv[1], argv[2], argv[3]
    local first = redis.call('HMGET', entry, 'result', 'amount_cents', 'currency')
    if first[1] and (first[2] ~= amount or first[3] ~= currency) then
        return redis.error_reply('GATEWAY this key was used for another amount')
    end
    local deadline = tonumber(argv[4] or 0)
    if not first[1] and deadline > 0 and now_ms() > deadline then return { 'late' } end
    local requests = 1
    if first[1] then
        requests = redis.call('HINCRBY', entry, 'requests', 1)
    elseif outcome == 'captured' then
        redis.call('HSET', entry, 'requests', 1, 'result', outcome, 'amount_cents', amount,
                   'currency', currency, 'captures', 1)
    else
        redis.call('HSET', entry, 'requests', 1, 'result', outcome, 'amount_cents', amount,
                   'currency', currency)
    end
    redis.call('EXPIRE', entry, KEEP_SECONDS)
    return { first[1] or outcome, requests }
end

--[[ gateway_refund: the whole charge, once.
KEYS  ledger entry
-> {'refunded'} (again: the same) | {'nothing'} when this key captured nothing ]]
local function refund(keys)
    local entry = keys[1]
    if redis.call('HGET', entry, 'result') ~= 'captured' then return { 'nothing' } end
    if not redis.call('HGET', entry, 'refunds') then redis.call('HINCRBY', entry, 'refunds', 1) end
    redis.call('EXPIRE', entry, KEEP_SECONDS)
    return { 'refunded' }
end

--[[ gateway_forget: these charges are over for good, and will not be asked for again. A real gateway
decides alone when; this one shares Tiffin's Redis, whose room is bounded.
KEYS  ledger entry, ...
-> {'forgotten', how many} ]]
local function forget(keys)
    local n = 0
    for _, entry in ipairs(keys) do n = n + redis.call('EXPIRE', entry, 0) end -- now
    return { 'forgotten', n }
end

redis.register_function { function_name = 'gateway_charge', callback = charge,
                          flags = { 'allow-oom' } }
redis.register_function { function_name = 'gateway_refund', callback = refund,
                          flags = { 'allow-oom' } }
redis.register_function { function_name = 'gateway_forget', callback = forget,
                          flags = { 'allow-oom' } }
