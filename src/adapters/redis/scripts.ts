/**
 * What must change together, as Lua scripts: Redis runs each as one step. All keys of a script carry the clip's
 * hash tag, those that a script derives (a clip's chunks) too. Source: Redis manual, "Scripting with Lua".
 *
 * The first write of each is a `pcall` whose error is the reply: so its code (OOM, READONLY …) arrives as it is
 * on every version of Redis. Later writes can't fail for want of memory: Redis checks before a script's first.
 */

/** KEYS clip, revisions. ARGV the revision's JSON, the clip's fields. 1, or 0 when there is such a clip. */
const createClip = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local wrote = redis.pcall('HSET', KEYS[1], unpack(ARGV, 2))
if type(wrote) == 'table' then return wrote end
redis.call('RPUSH', KEYS[2], ARGV[1])
return 1`;

/**
 * KEYS clip, revisions. ARGV the version it must have, a new revision's JSON or '', the clip's fields.
 * 1, or 0 when it has another version or is gone.
 */
const updateClip = `
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
local wrote = redis.pcall('HSET', KEYS[1], unpack(ARGV, 3))
if type(wrote) == 'table' then return wrote end
if ARGV[2] ~= '' then redis.call('RPUSH', KEYS[2], ARGV[2]) end
return 1`;

/** Lua: a function that removes the encodings whose hash has this key. */
const unlinkEncodings = `
local function unlinkEncodings(key)
  for _, format in ipairs(redis.call('HKEYS', key)) do redis.call('UNLINK', key .. ':' .. format) end
  redis.call('UNLINK', key)
end`;

/**
 * KEYS clip, revisions, snapshots. ARGV prefixes of the keys of chunks and of encodings.
 * The slug and createdAt it had, or nil.
 */
const removeClip = `${unlinkEncodings}
local had = redis.call('HMGET', KEYS[1], 'slug', 'createdAt')
if not had[1] then return false end
local wrote = redis.pcall('UNLINK', KEYS[1], KEYS[2])
if type(wrote) == 'table' then return wrote end
for _, id in ipairs(redis.call('HKEYS', KEYS[3])) do
  redis.call('UNLINK', ARGV[1] .. id)
  unlinkEncodings(ARGV[2] .. id)
end
redis.call('UNLINK', KEYS[3])
return had`;

/**
 * KEYS clip, revisions, snapshots, pending chunks, chunks.
 * ARGV kind of the change, snapshot id, its entry, its time in µs, its number of chunks, the version the clip must
 * have, updatedAt, a new revision's JSON or '', the clip's fields.
 * The clip as it is then; nil when the change does not fit the clip; the number found when chunks are missing.
 */
const publishSnapshot = `
local kind, id, entry, taken, count, version, updated, revision = unpack(ARGV, 1, 8)
local has = redis.call('HGET', KEYS[1], 'version')
local fits = {pin = has, create = not has, update = has == version}
if not fits[kind] then
  redis.call('UNLINK', KEYS[4])
  return false
end
local found = redis.call('LLEN', KEYS[4])
if found ~= tonumber(count) then return found end

local wrote = redis.pcall('HSET', KEYS[3], id, entry)
if type(wrote) == 'table' then return wrote end
if found > 0 then
  redis.call('RENAME', KEYS[4], KEYS[5])
  redis.call('PERSIST', KEYS[5])
end
if revision ~= '' then redis.call('RPUSH', KEYS[2], revision) end
if kind ~= 'pin' then
  redis.call('HSET', KEYS[1], unpack(ARGV, 9))
else
  local shown = redis.call('HMGET', KEYS[1], 'mode', 'snapshotId')
  local other = shown[1] == 'frozen' and redis.call('HGET', KEYS[3], shown[2])
  if not (other and tonumber(string.match(other, '^%S+')) > tonumber(taken)) then
    redis.call('HSET', KEYS[1], 'mode', 'frozen', 'snapshotId', id, 'updatedAt', updated)
    redis.call('HINCRBY', KEYS[1], 'version', 1)
  end
end
return redis.call('HGETALL', KEYS[1])`;

/**
 * KEYS clip, revisions, snapshots. ARGV the version of the clip that is replaced or '', prefixes of the keys of chunks
 * and of encodings, how many fields and revisions follow, the clip's fields, the JSON of its revisions, and for each
 * snapshot its id, its entry, its number of chunks and the list that they are in.
 * 1; 0 when there is another clip than the one to replace; -1 when chunks are missing.
 */
const restoreClip = `${unlinkEncodings}
local replaced, chunks, encodings, fieldCount, revisionCount = unpack(ARGV, 1, 5)
local has = redis.call('HGET', KEYS[1], 'version')
if (has or '') ~= replaced then return 0 end
local revisions = 6 + tonumber(fieldCount)
local snapshots = revisions + tonumber(revisionCount)
for i = snapshots, #ARGV, 4 do
  if redis.call('LLEN', ARGV[i + 3]) ~= tonumber(ARGV[i + 2]) then return -1 end
end

local wrote = redis.pcall('HSET', KEYS[1], unpack(ARGV, 6, revisions - 1))
if type(wrote) == 'table' then return wrote end
local kept = {}
for i = 6, revisions - 1, 2 do kept[ARGV[i]] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not kept[field] then redis.call('HDEL', KEYS[1], field) end
end
for _, id in ipairs(redis.call('HKEYS', KEYS[3])) do
  redis.call('UNLINK', chunks .. id)
  unlinkEncodings(encodings .. id)
end
redis.call('UNLINK', KEYS[2], KEYS[3])
for i = revisions, snapshots - 1 do redis.call('RPUSH', KEYS[2], ARGV[i]) end
for i = snapshots, #ARGV, 4 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  if tonumber(ARGV[i + 2]) > 0 then
    redis.call('RENAME', ARGV[i + 3], chunks .. ARGV[i])
    redis.call('PERSIST', chunks .. ARGV[i])
  end
end
return 1`;

/** KEYS clip, snapshots, chunks, encodings. ARGV snapshot id. */
const removeSnapshot = `${unlinkEncodings}
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 'missing' end
local shown = redis.call('HMGET', KEYS[1], 'mode', 'snapshotId')
if shown[1] == 'frozen' and shown[2] == ARGV[1] then return 'pinned' end
local wrote = redis.pcall('HDEL', KEYS[2], ARGV[1])
if type(wrote) == 'table' then return wrote end
redis.call('UNLINK', KEYS[3])
unlinkEncodings(KEYS[4])
return 'removed'`;

/**
 * KEYS snapshots, encodings, pending chunks, chunks. ARGV snapshot id, format, its entry, its number of chunks.
 * 1; 0 when the snapshot is gone or has the format; -1 when chunks are missing.
 */
const publishEncoding = `
local id, format, entry, count = unpack(ARGV)
if redis.call('HEXISTS', KEYS[1], id) == 0 or redis.call('HEXISTS', KEYS[2], format) == 1 then
  redis.call('UNLINK', KEYS[3])
  return 0
end
local found = redis.call('LLEN', KEYS[3])
if found ~= tonumber(count) then return -1 end
local wrote = redis.pcall('HSET', KEYS[2], format, entry)
if type(wrote) == 'table' then return wrote end
if found > 0 then
  redis.call('RENAME', KEYS[3], KEYS[4])
  redis.call('PERSIST', KEYS[4])
end
return 1`;

/** The scripts as ioredis takes them. */
export const scripts = {
  createClip: { lua: createClip, numberOfKeys: 2 },
  updateClip: { lua: updateClip, numberOfKeys: 2 },
  removeClip: { lua: removeClip, numberOfKeys: 3 },
  restoreClip: { lua: restoreClip, numberOfKeys: 3 },
  publishSnapshot: { lua: publishSnapshot, numberOfKeys: 5 },
  removeSnapshot: { lua: removeSnapshot, numberOfKeys: 4 },
  publishEncoding: { lua: publishEncoding, numberOfKeys: 4 },
};

/** The methods that a client has of them: keys first, then arguments. */
export interface Scripts {
  createClip(...keysAndArgs: readonly string[]): Promise<number>;
  updateClip(...keysAndArgs: readonly string[]): Promise<number>;
  removeClip(...keysAndArgs: readonly string[]): Promise<readonly [slug: string, createdAt: string] | null>;
  restoreClip(...keysAndArgs: readonly string[]): Promise<1 | 0 | -1>;
  publishSnapshot(...keysAndArgs: readonly string[]): Promise<readonly string[] | number | null>;
  removeSnapshot(...keysAndArgs: readonly string[]): Promise<'removed' | 'pinned' | 'missing'>;
  publishEncoding(...keysAndArgs: readonly string[]): Promise<1 | 0 | -1>;
}
