-- The chat: the messages of its users, the updates that workers publish, and the clients' number.

-- Appends a message to the chat's log and publishes it on the channel. Ids are consecutive: the
-- stream's own id is <n>-0, so a reader can prove that it missed nothing. `said` has type and text,
-- and user and color where there are any. Returns n.
local function append_message(count, log, channel, kept, said)
    local entry = {}
    said.at = rfc3339(now_ms())
    for _, name in ipairs({ 'type', 'user', 'color', 'text', 'at' }) do
        if said[name] then
            entry[#entry + 1] = name
            entry[#entry + 1] = said[name]
        end
    end
    said.id = redis.call('HINCRBY', count, 'chat_messages', 1)
    redis.call('XADD', log, 'MAXLEN', '~', kept, said.id .. '-0', unpack(entry))
    redis.call('PUBLISH', channel, cjson.encode(said))
    return said.id
end

--[[ publish_update: append to the chat's history, publish, acknowledge.
KEYS  update, active, count, chat log
ARGV  id, epoch, channel, messages the log keeps
-> {'published', n} | {'fenced'} ]]
local function publish_update(keys, argv)
    local update, active, count, log = keys[1], keys[2], keys[3], keys[4]
    local id, epoch, channel, kept = argv[1], argv[2], argv[3], integer_arg(argv[4], 1)

    if not owns(update, active, id, epoch) then return { 'fenced' } end
    local text = redis.call('HGET', update, 'message')
    local n = append_message(count, log, channel, kept, { type = 'update', text = text })
    drop(active, id)
    redis.call('HINCRBY', count, 'updates_published', 1)
    redis.call('HSET', update, 'step', 'published')
    redis.call('EXPIRE', update, UPDATE_DONE_SECONDS)
    return { 'published', n }
end

-- An optional argument: '' = not given.
local function text_or_nil(text)
    if text ~= '' then return text end
end

--[[ chat_post: a user's message: stored, numbered and published, as one fact.
KEYS  count, chat log, and where there is a key: keys
ARGV  channel, messages the log keeps, deadline (ms, Redis' clock): a call that arrives later
      stores nothing; text, user ('' = none), color ('' = none), key of the message ('' = none)
-> {'posted', n} | {'repeated', n} | {'late'}

A sender that lost its connection cannot know whether its message was stored, and sends it again
with the same key. Keys are kept as long as the log keeps their messages: in a set, by the number of
the message. So a client that resumes without a gap has either received its message or may safely
send it again. ]]
local function chat_post(keys, argv)
    local count, log, said = keys[1], keys[2], keys[3]
    local channel, kept, deadline = argv[1], integer_arg(argv[2], 1), integer_arg(argv[3], 0)
    local key = text_or_nil(argv[7] or '')

    local before = key and redis.call('ZSCORE', said, key)
    if before then return { 'repeated', tonumber(before) } end
    if now_ms() > deadline then return { 'late' } end
    local n = append_message(count, log, channel, kept, {
        type = 'message', text = argv[4], user = text_or_nil(argv[5]), color = text_or_nil(argv[6]),
    })
    if key then
        redis.call('ZADD', said, n, key)
        redis.call('ZREMRANGEBYSCORE', said, '-inf', n - kept)
    end
    return { 'posted', n }
end

--[[ chat_beat: a bridge's heartbeat, with the number of its clients. Published too, so that every
bridge learns the sum, and the sender that its subscription works. In the set, a bridge is
<bridge>=<clients> with the time when it expires.
KEYS  present, count
ARGV  channel, bridge id, clients, number of this beat, time to live (ms; 0 = it leaves)
-> {'here', clients of all bridges, id of the newest message} ]]
local function chat_beat(keys, argv)
    local present, count = keys[1], keys[2]
    local channel, bridge, clients = argv[1], argv[2], integer_arg(argv[3], 0)
    local number, ttl = integer_arg(argv[4], 0), integer_arg(argv[5], 0)
    local now, sum = now_ms(), 0

    redis.call('ZREMRANGEBYSCORE', present, '-inf', now)
    for _, member in ipairs(redis.call('ZRANGE', present, 0, -1)) do
        local name, n = string.match(member, '^(.*)=(%d+)$')
        if name == bridge then
            redis.call('ZREM', present, member)
        else
            sum = sum + (tonumber(n) or 0)
        end
    end
    if ttl > 0 then
        sum = sum + clients
        redis.call('ZADD', present, now + ttl, bridge .. '=' .. clients)
        redis.call('PEXPIRE', present, ttl)
    end
    redis.call('PUBLISH', channel, cjson.encode({ type = 'beat', bridge = bridge, beat = number,
                                                  present = sum }))
    return { 'here', sum, tonumber(redis.call('HGET', count, 'chat_messages') or 0) }
end

register('publish_update', publish_update, 'allow-oom')
register('chat_post', chat_post) -- Redis full: talk can wait, orders cannot
register('chat_beat', chat_beat, 'allow-oom')
