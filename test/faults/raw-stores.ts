/** The bytes of snapshots where they lie, in Redis and in a store file: to be spoilt behind the server's back. */
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';

/** A snapshot's own chunks, or those of its encoding in a format. */
export interface ChunkList {
  readonly clipId: string;
  readonly snapshotId: string;
  readonly format?: string;
}

export interface RawStore {
  readonly name: string;
  read(list: ChunkList): Promise<Buffer[]>;
  /** Puts these in their place; none: there is no list any more. */
  write(list: ChunkList, chunks: readonly Buffer[]): Promise<void>;
  /** Formats that are kept of a snapshot. */
  formats(snapshot: ChunkList): Promise<string[]>;
  /** Forgets every encoding of a snapshot, as if nobody had asked for one. */
  forgetEncodings(snapshot: ChunkList): Promise<void>;
  close(): Promise<void>;
}

export function openRawRedis(url: string): RawStore {
  const redis = new Redis(url);
  const encodings = ({ clipId, snapshotId }: ChunkList) => `pgclip:{${clipId}}:encodings:${snapshotId}`;
  const keyOf = (list: ChunkList) =>
    list.format ? `${encodings(list)}:${list.format}` : `pgclip:{${list.clipId}}:snapshot:${list.snapshotId}`;
  const formats = (snapshot: ChunkList) => redis.hkeys(encodings(snapshot));
  return {
    name: 'Redis',
    read: (list) => redis.lrangeBuffer(keyOf(list), 0, -1),
    async write(list, chunks) {
      await redis.del(keyOf(list));
      if (chunks.length > 0) await redis.rpush(keyOf(list), ...chunks);
    },
    formats,
    async forgetEncodings(snapshot) {
      for (const format of await formats(snapshot)) await redis.del(keyOf({ ...snapshot, format }));
      await redis.del(encodings(snapshot));
    },
    async close() {
      redis.disconnect();
    },
  };
}

export function openRawFile(file: string): RawStore {
  const database = new DatabaseSync(file, { timeout: 5000 });
  const snapshotKey = database.prepare('SELECT key FROM snapshots WHERE clip_id = ? AND id = ?');
  const encodingKey = database.prepare(
    'SELECT key FROM encodings WHERE snapshot = ? AND format = ? AND metadata IS NOT NULL',
  );
  const keyOf = ({ clipId, snapshotId }: ChunkList) => Number(snapshotKey.get(clipId, snapshotId)?.key);
  const placeOf = (list: ChunkList): [table: string, owner: string, key: number] =>
    list.format
      ? ['encoding_chunks', 'encoding', Number(encodingKey.get(keyOf(list), list.format)?.key)]
      : ['chunks', 'snapshot', keyOf(list)];
  return {
    name: 'the store file',
    async read(list) {
      const [table, owner, key] = placeOf(list);
      const rows = database.prepare(`SELECT bytes FROM ${table} WHERE ${owner} = ? ORDER BY number`).all(key);
      return rows.map(({ bytes }) => Buffer.from(bytes as Uint8Array));
    },
    async write(list, chunks) {
      const [table, owner, key] = placeOf(list);
      database.prepare(`DELETE FROM ${table} WHERE ${owner} = ?`).run(key);
      const insert = database.prepare(`INSERT INTO ${table} VALUES (?, ?, ?)`);
      for (const [number, bytes] of chunks.entries()) insert.run(key, number, bytes);
    },
    async formats(snapshot) {
      const rows = database.prepare('SELECT format FROM encodings WHERE snapshot = ?').all(keyOf(snapshot));
      return rows.map(({ format }) => String(format));
    },
    async forgetEncodings(snapshot) {
      database.prepare('DELETE FROM encodings WHERE snapshot = ?').run(keyOf(snapshot));
    },
    async close() {
      database.close();
    },
  };
}
