-- What the API calls to write: new orders and updates, and the cancellation of an order.

local USER_ORDERS_KEPT = 10 -- for the dashboard
-- The first version of every order.
local PLACED = { status = 'order_placed', payment_status = 'pending', kitchen_status = 'pending' }

-- For how long (ms) the job that is taken next has waited since its order was placed; 0 when none
-- waits. An order that comes back, requeued or from a dead worker, counts with its whole age: it is
-- taken first, so only until a worker takes it.
local function queue_age(ready_key, index_key, now)
    local oldest = redis.call('LINDEX', ready_key, -1)
    local placed_at = oldest and redis.call('ZSCORE', index_key, oldest)
    return placed_at and math.max(0, now - placed_at) or 0
end

--[[ place: order, job, indexes, event and Idempotency-Key, all or nothing. Idempotent by order id.
KEYS  order, ready, index, count, events, restaurant, user, user's orders, idem
ARGV  id, restaurant id, item, quantity, user id ('' = none), fingerprint ('' = no key),
      deadline (ms, Redis' clock): a call that arrives later stores nothing; how old the oldest
      waiting order may be (ms; 0 = any; not given by callers of version 2)
-> {'placed'|'replay', id} | {'mismatch'|'late'|'no_restaurant'|'no_item'|'no_user'|'busy'} ]]
local function place(keys, argv)
    local order, ready, index, count, events = keys[1], keys[2], keys[3], keys[4], keys[5]
    local restaurant, user, user_orders, idem = keys[6], keys[7], keys[8], keys[9]
    local id, restaurant_id, item, quantity = argv[1], argv[2], argv[3], integer_arg(argv[4], 1)
    local user_id, fingerprint, deadline = argv[5], argv[6], integer_arg(argv[7], 0)
    local age_limit = integer_arg(argv[8] or 0, 0)

    if redis.call('EXISTS', order) == 1 then return { 'placed', id } end
    local seen, first_id = find_idempotent(idem, fingerprint)
    if seen then return { seen, first_id } end
    local dish = read(restaurant, 'name', 'currency', 'price:' .. item)
    if not dish.name then return { 'no_restaurant' } end
    local price = tonumber(dish['price:' .. item])
    if not price then return { 'no_item' } end
    if user_id ~= '' and redis.call('EXISTS', user) == 0 then return { 'no_user' } end
    local now = now_ms()
    if now > deadline then return { 'late' } end
    if age_limit > 0 and queue_age(ready, index, now) > age_limit then return { 'busy' } end

    local at = rfc3339(now)
    redis.call('HSET', order, 'id', id, 'restaurant_id', restaurant_id, 'restaurant', dish.name,
               'item', item, 'quantity', text_of(quantity), 'amount_cents', text_of(price * quantity),
               'currency', dish.currency, 'created_at', at, 'step', 'payment', 'epoch', '0',
               'status', PLACED.status, 'payment_status', PLACED.payment_status,
               'kitchen_status', PLACED.kitchen_status, 'version', '1', 'v1',
               history_line(PLACED, at))
    if user_id ~= '' then
        redis.call('HSET', order, 'user_id', user_id)
        redis.call('LPUSH', user_orders, id)
        redis.call('LTRIM', user_orders, 0, USER_ORDERS_KEPT - 1)
    end
    add_event(events, id, 1, PLACED, at)
    redis.call('ZADD', index, text_of(now), id)
    redis.call('HINCRBY', count, 'placed', '1')
    redis.call('LPUSH', ready, id)
    store_idempotent(idem, fingerprint, id)
    return { 'placed', id }
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

    if redis.call('EXISTS', update) == 1 then return { 'accepted', id } end
    local seen, first_id = find_idempotent(idem, fingerprint)
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
    if o.status == 'cancelled' then return { 'cancelled' } end
    if o.status ~= 'order_placed' or o.kitchen_status ~= 'pending' then
        return { 'too_late', o.status }
    end
    o.status = 'cancelled'
    record(order, events, o, rfc3339(now_ms()))
    return { 'cancelled' }
end

register('place', place)
register('accept_update', accept_update)
register('cancel', cancel, 'allow-oom')
