-- What the API calls to write: new orders and updates, and the cancellation of an order.

local USER_ORDERS_KEPT = 10 -- for the dashboard
-- The first version of every order.
local PLACED = { status = 'order_placed', payment_status = 'pending', kitchen_status = 'pending' }
local PLACED_TEXT = statuses_text(PLACED)

-- For how long (ms) the job that is taken next has waited since its order was placed; 0 when none
-- waits. An order that comes back, requeued or from a dead worker, counts with its whole age: it is
-- taken first, so only until a worker takes it.
local function queue_age(ready_key, index_key, now)
    local oldest = redis.call('LINDEX', ready_key, -1)
    local placed_at = oldest and redis.call('ZSCORE', index_key, oldest)
    return placed_at and math.max(0, now - placed_at) or 0
end

-- The order that a call of place_orders asks for, and its keys; seven arguments and five keys each.
local function read_order(keys, argv, i)
    local k, a = 4 + 5 * (i - 1), 1 + 7 * (i - 1)
    return { key = keys[k + 1], restaurant = keys[k + 2], user = keys[k + 3],
             user_orders = keys[k + 4], idem = keys[k + 5],
             id = argv[a + 1], restaurant_id = argv[a + 2], item = argv[a + 3],
             quantity = integer_arg(argv[a + 4], 1), user_id = argv[a + 5],
             fingerprint = argv[a + 6], deadline = integer_arg(argv[a + 7], 0) }
end

-- Why this order is not stored: the answer; nil, its price and its dish when nothing is against it.
-- Writes nothing new.
local function refusal(call, o)
    if redis.call('EXISTS', o.key) == 1 then
        write_again(o.key, o.id)
        return { 'placed', o.id }
    end
    local seen, first_id = find_idempotent(o.idem, o.fingerprint)
    if seen == 'replay' then write_idempotent_again(o.idem, o.fingerprint, first_id) end
    if seen then return { seen, first_id } end
    local dish = read(o.restaurant, 'name', 'currency', 'price:' .. o.item)
    if not dish.name then return { 'no_restaurant' } end
    local price = tonumber(dish['price:' .. o.item])
    if not price then return { 'no_item' } end
    if o.user_id ~= '' and redis.call('EXISTS', o.user) == 0 then return { 'no_user' } end
    if call.now > o.deadline then return { 'late' } end
    if call.is_busy then return { 'busy' } end
    return nil, price, dish
end

-- Writes what concerns this order alone, and notes what is written for all together.
local function store_order(call, o, price, dish)
    redis.call('HSET', o.key, 'id', o.id, 'restaurant_id', o.restaurant_id,
               'restaurant', dish.name, 'item', o.item, 'quantity', text_of(o.quantity),
               'amount_cents', text_of(price * o.quantity), 'currency', dish.currency,
               'created_at', call.at, 'step', 'payment', 'epoch', '0', 'status', PLACED.status,
               'payment_status', PLACED.payment_status, 'kitchen_status', PLACED.kitchen_status,
               'version', '1', 'v1', call.line)
    if o.user_id ~= '' then
        redis.call('HSET', o.key, 'user_id', o.user_id)
        redis.pcall('LPUSH', o.user_orders, o.id) -- for the dashboard alone: no order fails for it
        redis.pcall('LTRIM', o.user_orders, 0, USER_ORDERS_KEPT - 1)
    end
    store_idempotent(o.idem, o.fingerprint, o.id)
    local n = #call.ids + 1
    call.ids[n] = o.id
    call.index[2 * n - 1], call.index[2 * n] = call.score, o.id
    call.changes[n] = o.id .. ' 1 ' .. PLACED_TEXT
end

-- Writes what place_orders has gathered for all the orders that it stored.
local function finish_placing(call, ready, index, count, events)
    if #call.ids == 0 then return end
    redis.call('XADD', events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'at', call.at,
               'changes', table.concat(call.changes, '\n'))
    redis.call('ZADD', index, unpack(call.index))
    redis.call('HINCRBY', count, 'placed', text_of(#call.ids))
    redis.call('LPUSH', ready, unpack(call.ids))
end

--[[ place_orders: of each order: job, indexes, event and Idempotency-Key, all or nothing. Idempotent
by order id.
KEYS  ready, index, count, events, then five per order: order, restaurant, user, user's orders, idem
ARGV  how old the oldest waiting order may be (ms; 0 = any), then seven per order: id, restaurant id,
      item, quantity, user id ('' = none), fingerprint ('' = no key), deadline (ms, Redis' clock):
      a call that arrives later does not store it
-> an answer per order: {'placed'|'replay', id} |
   {'mismatch'|'late'|'no_restaurant'|'no_item'|'no_user'|'busy'} | {'error', text} ]]
local function place_orders(keys, argv)
    local ready, index, count, events = keys[1], keys[2], keys[3], keys[4]
    local n, age_limit = (#keys - 4) / 5, integer_arg(argv[1], 0)
    if n < 1 or #argv ~= 1 + 7 * n then
        return redis.error_reply('TIFFIN five keys and seven arguments per order')
    end
    local orders, out, now = {}, {}, now_ms()
    for i = 1, n do orders[i] = read_order(keys, argv, i) end
    local at = rfc3339(now)
    local call = { now = now, score = text_of(now), at = at, line = history_line(PLACED, at),
                   is_busy = age_limit > 0 and queue_age(ready, index, now) > age_limit,
                   ids = {}, index = {}, changes = {} }
    for i, o in ipairs(orders) do
        local is_read, answer, price, dish = pcall(refusal, call, o)
        if not is_read then
            out[i] = { 'error', type(answer) == 'table' and answer.err or tostring(answer) }
        elseif answer then
            out[i] = answer
        else
            store_order(call, o, price, dish)
            out[i] = { 'placed', o.id }
        end
    end
    finish_placing(call, ready, index, count, events)
    return out
end

--[[ accept_update: a broadcast to come. Same promises as place.
KEYS  update, ready, delayed, count, idem, dead (not given by callers of version 1)
ARGV  id, message, delay (ms), fingerprint ('' = no key), deadline (ms), how many may be pending
Dead updates wait for an operator and must not block new ones: as many more may be pending as jobs
are dead, but ten times as many at most.
-> {'accepted'|'replay', id} | {'mismatch'|'late'|'full'} ]]
local function accept_update(keys, argv)
    local update, ready, delayed, count, idem = keys[1], keys[2], keys[3], keys[4], keys[5]
    local dead = keys[6]
    local id, message, delay, fingerprint = argv[1], argv[2], integer_arg(argv[3], 0), argv[4]
    local deadline, limit = integer_arg(argv[5], 0), integer_arg(argv[6], 0)

    if redis.call('EXISTS', update) == 1 then
        write_again(update, id)
        return { 'accepted', id }
    end
    local seen, first_id = find_idempotent(idem, fingerprint)
    if seen == 'replay' then write_idempotent_again(idem, fingerprint, first_id) end
    if seen then return { seen, first_id } end
    local pending = updates_pending(count)
    local alive = pending - (dead and redis.call('ZCARD', dead) or 0)
    if alive >= limit or pending >= 10 * limit then return { 'full' } end
    local now = now_ms()
    if now > deadline then return { 'late' } end

    redis.call('HSET', update, 'id', id, 'message', message, 'accepted_at', rfc3339(now),
               'step', 'broadcast', 'epoch', 0)
    redis.call('HINCRBY', count, 'updates_accepted', 1)
    if delay > 0 then
        redis.call('ZADD', delayed, now + delay, id)
    else
        redis.call('LPUSH', ready, id)
    end
    store_idempotent(idem, fingerprint, id)
    return { 'accepted', id }
end

--[[ cancel: marks the order; its job stays where it is and the worker settles what is owed.
KEYS  order, events
ARGV  (none)
-> {'cancelled'} (again: the same) | {'not_found'} | {'too_late', status} ]]
local function cancel(keys)
    local order, events = keys[1], keys[2]
    local o = read(order, 'id', 'version', 'status', 'payment_status', 'kitchen_status')
    if not o.id then return { 'not_found' } end
    if o.status == 'cancelled' then
        write_again(order, o.id)
        return { 'cancelled' }
    end
    if o.status ~= 'order_placed' or o.kitchen_status ~= 'pending' then
        return { 'too_late', o.status }
    end
    o.status = 'cancelled'
    record(order, events, o, rfc3339(now_ms()))
    return { 'cancelled' }
end

register('place_orders', place_orders)
register('accept_update', accept_update)
register('cancel', cancel, 'allow-oom')
