/** The bytes of snapshots in formats, in the store file. One that is being written is a row without metadata. */
import type { DatabaseSync } from 'node:sqlite';
import type { EncodingWriter, SnapshotKey } from '../../domain/ports.ts';
import type { StoredEncoding } from '../../domain/snapshot.ts';
import { chunksMissing } from '../store-order.ts';
import { attempt } from './errors.ts';
import { transaction } from './transaction.ts';
import { pendingTtlMs, withoutSync } from './writing.ts';

/** The part of SnapshotStore that concerns encodings. */
export function embeddedEncodings(database: DatabaseSync) {
  const snapshotKey = database.prepare(
    'SELECT key FROM snapshots WHERE clip_id = ? AND id = ? AND metadata IS NOT NULL',
  );
  const find =
    database.prepare(`SELECT e.key, e.metadata FROM encodings e JOIN snapshots s ON s.key = e.snapshot
    WHERE s.clip_id = ? AND s.id = ? AND s.metadata IS NOT NULL AND e.format = ? AND e.metadata IS NOT NULL`);
  const sweep = database.prepare('DELETE FROM encodings WHERE metadata IS NULL AND touched_ms < ?');
  const begin = database.prepare('INSERT INTO encodings (snapshot, format, touched_ms) VALUES (?, ?, ?)');
  const touch = database.prepare('UPDATE encodings SET touched_ms = ? WHERE key = ? AND metadata IS NULL');
  const append = database.prepare('INSERT INTO encoding_chunks VALUES (?, ?, ?)');
  const count = database.prepare('SELECT count(*) AS found FROM encoding_chunks WHERE encoding = ?');
  const publish = database.prepare('UPDATE encodings SET metadata = ? WHERE key = ?');
  const abandon = database.prepare('DELETE FROM encodings WHERE key = ? AND metadata IS NULL');
  const remove = database.prepare('DELETE FROM encodings WHERE key = ?');
  const chunk = database.prepare('SELECT bytes FROM encoding_chunks WHERE encoding = ? AND number = ?');

  function openWriter(snapshot: SnapshotKey, format: string, key: number | bigint | null): EncodingWriter {
    let appended = 0;
    return {
      append: (bytes) =>
        attempt(() =>
          withoutSync(database, () => {
            // Gone with its snapshot: publishing will say so.
            if (key === null || touch.run(Date.now(), key).changes === 0) return;
            append.run(key, appended++, bytes);
          }),
        ),
      publish: (encoding) =>
        attempt(() =>
          transaction(database, () => {
            const gone = key === null || touch.run(Date.now(), key).changes === 0;
            if (gone || find.get(snapshot.clipId, snapshot.id, format)) {
              abandon.run(key);
              return false;
            }
            if (count.get(key)?.found !== encoding.chunkCount) throw chunksMissing();
            publish.run(JSON.stringify(encoding), key);
            return true;
          }),
        ),
      abandon: () =>
        attempt(() => {
          abandon.run(key);
        }),
    };
  }

  async function* readChunks(snapshot: SnapshotKey, encoding: StoredEncoding): AsyncGenerator<Uint8Array> {
    const row = await attempt(() => find.get(snapshot.clipId, snapshot.id, encoding.format));
    if (!row) throw chunksMissing();
    for (let number = 0; number < encoding.chunkCount; number++) {
      const found = await attempt(() => chunk.get(row.key ?? null, number));
      if (!(found?.bytes instanceof Uint8Array)) throw chunksMissing();
      yield found.bytes;
    }
  }

  return {
    findEncoding: ({ clipId, id }: SnapshotKey, format: string) =>
      attempt(() => {
        const row = find.get(clipId, id, format);
        return row ? (JSON.parse(String(row.metadata)) as StoredEncoding) : null;
      }),
    beginEncoding: (snapshot: SnapshotKey, format: string) =>
      attempt(() => {
        sweep.run(Date.now() - pendingTtlMs);
        const key = snapshotKey.get(snapshot.clipId, snapshot.id)?.key;
        const encoding = key ? begin.run(Number(key), format, Date.now()).lastInsertRowid : null;
        return openWriter(snapshot, format, encoding);
      }),
    removeEncoding: ({ clipId, id }: SnapshotKey, format: string) =>
      attempt(() => {
        const row = find.get(clipId, id, format);
        if (row) remove.run(row.key ?? null);
      }),
    encodingChunks: readChunks,
  };
}
