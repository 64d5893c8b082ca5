// What runs inside the server: a commit as one script, which Redis runs alone and writes to its log as one transaction.
// It first compares the epoch, so that a broker that lost the store, or a request that was under way when its
// connection broke, changes nothing.
//
// A table is a hash with the values and a sorted set with the names, which gives them page by page and each of them
// once. The entries of a queue are a sorted set by seq, whose members tell the bytes and the shared message of each,
// and a hash with the values. Seqs are texts: Lua would round them.

/** KEYS[1]: the prefix of all keys. ARGV: the epoch, the changes in JSON, and the values that those refer to. */
export const COMMIT = `
local P = KEYS[1]
if redis.call('HGET', P .. 'store', 'epoch') ~= ARGV[1] then return 'fenced' end
local call = redis.call

local function put(t, name, value) call('HSET', P .. t, name, value) call('ZADD', P .. t .. ':names', 0, name) end
local function drop(t, name) call('HDEL', P .. t, name) call('ZREM', P .. t .. ':names', name) end
local function dropAll(t, client)
  local names = call('ZRANGEBYLEX', P .. t .. ':names', '[' .. client .. '\\0', '(' .. client .. '\\1')
  for _, name in ipairs(names) do drop(t, name) end
end

local function forget(q, members)
  local key = P .. 'queue:' .. q
  for _, member in ipairs(members) do
    local seq, _, shared = string.match(member, '^(%d+):(%d+):(%d*)$')
    call('ZREM', key, member)
    call('HDEL', key .. ':entries', seq)
    if shared ~= '' and call('HINCRBY', P .. 'uses', shared, -1) <= 0 then
      call('HDEL', P .. 'uses', shared)
      call('HDEL', P .. 'messages', shared)
    end
  end
  if call('EXISTS', key) == 0 then call('ZREM', P .. 'queues', q) end
end
local function range(q, low, high) return call('ZRANGEBYSCORE', P .. 'queue:' .. q, low, high) end

local run = {
  append = function(c)
    forget(c[2], range(c[2], c[3], c[3]))
    call('ZADD', P .. 'queue:' .. c[2], c[3], c[3] .. ':' .. c[4] .. ':' .. c[5])
    call('HSET', P .. 'queue:' .. c[2] .. ':entries', c[3], ARGV[c[6]])
    call('ZADD', P .. 'queues', 0, c[2])
    if c[5] ~= '' then
      call('HINCRBY', P .. 'uses', c[5], 1)
      call('HSETNX', P .. 'messages', c[5], ARGV[c[7]])
    end
  end,
  remove = function(c) forget(c[2], range(c[2], c[3], c[4])) end,
  release = function(c)
    local key = P .. 'queue:' .. c[2]
    for _, member in ipairs(range(c[2], c[3], c[3])) do
      local seq, _, shared = string.match(member, '^(%d+):(%d+):(%d*)$')
      call('ZREM', key, member)
      call('ZADD', key, c[3], seq .. ':0:' .. shared)
      local value = call('HGET', key .. ':entries', seq)
      call('HSET', key .. ':entries', seq, 'r' .. string.match(string.sub(value, 2), '^[^\\n]*\\n'))
    end
  end,
  put = function(c) put(c[2], c[3], ARGV[c[4]]) end,
  drop = function(c) drop(c[2], c[3]) end,
  dropAll = function(c) dropAll(c[2], c[3]) end,
  payload = function(c) call('HSET', P .. 'payloads', c[2], ARGV[c[3]]) end,
  dropPayload = function(c) call('HDEL', P .. 'payloads', c[2]) end,
}
for _, c in ipairs(cjson.decode(ARGV[2])) do run[c[1]](c) end
if ARGV[3] ~= '' then call('HSET', P .. 'store', 'last', ARGV[3]) end
call('HINCRBY', P .. 'store', 'version', 1)
return 'stored'`;

/** Takes the store. ARGV: the format, and the epoch that it has to have, or nothing for any. */
export const OPEN = `
local key = KEYS[1] .. 'store'
local format = redis.call('HGET', key, 'format')
if format and format ~= ARGV[1] then return {format, '0'} end
local epoch = redis.call('HGET', key, 'epoch') or '0'
if ARGV[2] ~= '' and ARGV[2] ~= epoch then return {ARGV[1], '0'} end
redis.call('HSET', key, 'format', ARGV[1])
return {ARGV[1], tostring(redis.call('HINCRBY', key, 'epoch', 1))}`;
