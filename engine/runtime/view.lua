-- One script for a lane's view: compare the watermark, then write; the watermark goes last.
-- KEYS[1] meta, KEYS[2] the set of record names.
-- ARGV: mode (delta|full), expected watermark, next offset, changelog position, digest, format,
--       then for each record: name, field count n (0 deletes it), n fields and values; n counts both.
local meta, names = KEYS[1], KEYS[2]
local prefix = string.sub(meta, 1, #meta - 4)
local held = redis.call('HGET', meta, 'next')
if ARGV[1] == 'delta' then
  if held ~= ARGV[2] then return {'refused', held or ''} end
else
  local at = held and tonumber(held)
  if at and at > tonumber(ARGV[3]) then return {'refused', held} end
  for _, name in ipairs(redis.call('SMEMBERS', names)) do redis.call('DEL', prefix .. name) end
  redis.call('DEL', names)
end
local i = 7
while i <= #ARGV do
  local name, n = ARGV[i], tonumber(ARGV[i + 1])
  if n == 0 then
    redis.call('DEL', prefix .. name)
    redis.call('SREM', names, name)
  else
    redis.call('HSET', prefix .. name, unpack(ARGV, i + 2, i + 1 + n))
    redis.call('SADD', names, name)
  end
  i = i + 2 + n
end
redis.call('HSET', meta, 'format', ARGV[6], 'digest', ARGV[5], 'position', ARGV[4], 'next', ARGV[3])
return {'written', ARGV[3]}
