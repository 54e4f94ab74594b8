-- Take a request: whoever is answered 'mine' or 'taken_over' may write its input until the lease ends, nobody else.
-- KEYS: the request. ARGV: digest of the body, offset from which the input may be in the log, lease (ms), how long to
-- remember it (s). Answers {state, from, until, offset of a written one or milliseconds left of one under way}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = string.format('%.0f', now + ARGV[3])
local body, from, till, offset = unpack(redis.call('HMGET', KEYS[1], 'body', 'from', 'until', 'offset'))
if body and body ~= ARGV[1] then
  return {'other_body', from, till, 0}
elseif offset then
  return {'written', from, till, offset}
elseif body and tonumber(till) > now then
  return {'under_way', from, till, tonumber(till) - now}
end
redis.call('HSET', KEYS[1], 'body', ARGV[1], 'from', from or ARGV[2], 'until', lease)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {body and 'taken_over' or 'mine', from or ARGV[2], lease, 0}
