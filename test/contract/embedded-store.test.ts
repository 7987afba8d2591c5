/** What the embedded store promises beyond the contract: its file. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import { aChunk, aClip, aSnapshot, changed, someChunks } from './samples.ts';
import { publish, readChunks } from './snapshot-contract.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgclip-embedded-'));
  file = join(folder, 'deep', 'er', 'store.db');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Changes the file behind the store's back, or counts in it. */
function raw(sql: string): unknown {
  const database = new DatabaseSync(file);
  try {
    return database.prepare(sql).get()?.value;
  } finally {
    database.close();
  }
}

test('a file that is opened again has everything', async () => {
  const first = await openEmbeddedStore({ file });
  const clip = aClip();
  await first.clips.create(clip);
  const chunks = someChunks(3);
  const snapshot = aSnapshot(clip, chunks);
  const frozen = await publish(first, snapshot, chunks);
  await first.close();

  const second = await openEmbeddedStore({ file });
  expect(await second.clips.findBySlug(clip.slug)).toEqual(frozen);
  expect(await second.clips.revisions(clip.id)).toHaveLength(1);
  expect(await second.snapshots.list(clip.id)).toEqual([snapshot]);
  expect(await readChunks(second, snapshot)).toEqual(chunks.map((chunk) => [...chunk.bytes]));
  await second.close();
});

test('is for its owner alone', async () => {
  const store = await openEmbeddedStore({ file });
  await store.clips.create(aClip());
  for (const name of [file, `${file}-wal`, `${file}-shm`])
    expect((await stat(name)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, 'deep'))).mode & 0o777).toBe(0o700);
  await store.close();
});

test('two servers on one file see what the other did', async () => {
  const [one, other] = [await openEmbeddedStore({ file }), await openEmbeddedStore({ file })];
  const clip = aClip();
  await one.clips.create(clip);
  expect(await other.clips.update(changed(clip, { name: 'Other' }))).toBe(true);
  expect(await one.clips.update(changed(clip, { name: 'One' }))).toBe(false);
  expect(await one.clips.find(clip.id)).toMatchObject({ name: 'Other' });
  await one.close();
  await other.close();
});

test('what a crash left is swept after an hour, when the file is opened or a snapshot begins', async () => {
  const hourAgo = Date.now() - 3_600_001;
  const crashed = await openEmbeddedStore({ file });
  const clip = aClip();
  await crashed.clips.create(clip);
  const kept = aSnapshot(clip, [aChunk]);
  await publish(crashed, kept, [aChunk]);
  for (const id of ['old', 'young']) await (await crashed.snapshots.begin(clip.id, id)).append(aChunk);
  raw(`UPDATE snapshots SET touched_ms = ${hourAgo} WHERE id IN ('old', '${kept.id}')`);
  await crashed.close();
  expect(raw('SELECT count(*) AS value FROM chunks')).toBe(3);

  const store = await openEmbeddedStore({ file });
  expect(raw('SELECT count(*) AS value FROM chunks')).toBe(2);
  expect(raw('SELECT id AS value FROM snapshots WHERE metadata IS NULL')).toBe('young');
  expect(await readChunks(store, kept)).toHaveLength(1);

  const slow = await store.snapshots.begin(clip.id, 'slow');
  await slow.append(aChunk);
  raw(`UPDATE snapshots SET touched_ms = ${hourAgo} WHERE metadata IS NULL`);
  await store.snapshots.begin(clip.id, 'next');
  expect(raw('SELECT count(*) AS value FROM chunks')).toBe(1);
  await expect(slow.append(aChunk)).rejects.toMatchObject({ code: 'snapshot_damaged' });
  await store.close();
});

test('a file of a newer version is left as it is', async () => {
  await (await openEmbeddedStore({ file })).close();
  raw('PRAGMA user_version = 99');
  await expect(openEmbeddedStore({ file })).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining('newer pgclip'),
  });
  expect(raw('SELECT user_version AS value FROM pragma_user_version')).toBe(99);
});

test('a file that is something else is left as it is', async () => {
  file = join(folder, 'notes.txt');
  const text = 'This is not a database. '.repeat(100);
  await writeFile(file, text);
  await expect(openEmbeddedStore({ file })).rejects.toMatchObject({ code: 'store_unavailable' });
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('a file that cannot be made is an error that names it', async () => {
  await writeFile(join(folder, 'file'), '');
  file = join(folder, 'file', 'store.db');
  await expect(openEmbeddedStore({ file })).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining(file),
  });
});

test('in memory nothing is kept', async () => {
  const [one, other] = [
    await openEmbeddedStore({ file: ':memory:' }),
    await openEmbeddedStore({ file: ':memory:' }),
  ];
  const clip = aClip();
  await one.clips.create(clip);
  expect(await other.clips.find(clip.id)).toBeNull();
  await one.close();
  await other.close();
});
