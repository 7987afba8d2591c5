/** Archives that are wrong: each is refused by the name of what is wrong in it, and nothing half of it is to be seen. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Problem } from '../../src/http/problem.ts';
import { paddingOf, tarHeader } from '../../src/services/archive/tar-header.ts';
import { deflateSegment, gzipHead, gzipTail } from '../../src/services/segments.ts';
import {
  type Entry,
  emptyServer,
  everythingOf,
  exported,
  fill,
  findEntry,
  imported,
  pack,
  unpack,
  withJson,
} from '../support/archive.ts';
import { openTestServer, type TestServer } from '../support/server.ts';

let to: TestServer;
let archive: Buffer;
let ids: string[];
let whole: unknown;
beforeAll(async () => {
  const postgresUrl = inject('postgresUrl');
  const from = await openTestServer({ postgresUrl });
  to = await openTestServer({ postgresUrl });
  ids = await fill(from);
  archive = await exported(from);
  whole = await everythingOf(from, ids[0] ?? '');
  await from.close();
});
afterAll(() => to.close());
beforeEach(() => emptyServer(to));

describe('an archive that is wrong', () => {
  /** Imports it, and gives what was said. The newest clip comes first, so it is there. */
  async function refused(bytes: Buffer): Promise<string> {
    const { status, body } = await imported<Problem>(to, bytes);
    expect([status, body.code]).toEqual([422, 'archive_invalid']);
    return body.detail;
  }

  it('cut anywhere is refused; what came whole before stays, and the rest comes with the next try', async () => {
    const entries = unpack(archive);
    let at = 0;
    const cuts: number[] = [];
    for (const { bytes } of entries) {
      cuts.push(at + 100, at + 512 + Math.floor(bytes.length / 2));
      at += 512 + bytes.length + paddingOf(bytes.length);
      cuts.push(at);
    }
    // The last cut is behind end.json: all that is missing there is what ends a tar file.
    cuts.pop();
    for (const cut of cuts) expect(await refused(archive.subarray(0, cut))).toMatch(/ends|missing|cut|short/);
    expect((await to.call('GET', `/api/clips/${ids[2]}`)).status).toBe(200);
    const { body } = await imported(to, archive.subarray(0, at));
    expect(body).toMatchObject({ conflicts: [] });
    expect(body.clips + body.unchanged).toBe(3);
    expect(await everythingOf(to, ids[0] ?? '')).toEqual(whole);
  });

  it('with a flipped bit anywhere in a snapshot is refused by the name of the entry', async () => {
    for (const end of ['.csv.gz', '.beside.gz']) {
      const entries = unpack(archive);
      const found = entries.filter(({ name }) => name.endsWith(end)).at(-1);
      if (!found) throw new Error('no entry');
      for (const at of [
        0,
        9,
        10,
        40,
        found.bytes.length >> 1,
        found.bytes.length - 9,
        found.bytes.length - 1,
      ]) {
        found.bytes[at] = (found.bytes[at] as number) ^ 4;
        expect([at, await refused(pack(entries))]).toEqual([at, expect.stringContaining(found.name)]);
        found.bytes[at] = (found.bytes[at] as number) ^ 4;
      }
    }
    expect((await to.call('GET', `/api/clips/${ids[0]}`)).status).toBe(404);
    expect((await imported(to, archive)).body).toMatchObject({ conflicts: [] });
  });

  it.each<readonly [string, string, (entry: Record<string, object>) => void, RegExp]>([
    ['of a newer version', 'pgclip.json', (head) => Object.assign(head, { version: 2 }), /newer pgclip/],
    [
      'of another kind',
      'pgclip.json',
      (head) => Object.assign(head, { format: 'x' }),
      /^pgclip\.json: .*format/,
    ],
    [
      'with a field of the future',
      '/clip.json',
      ({ clip = {} }) => Object.assign(clip, { colour: 1 }),
      /"colour".*not know/,
    ],
    [
      'with a field that would steer a terminal',
      '/clip.json',
      ({ clip = {} }) => Object.assign(clip, { '\u001b[2J\u009b': 1 }),
      /"\?\[2J\?"/,
    ],
    ['without a field', '/clip.json', ({ clip = {} }) => Reflect.deleteProperty(clip, 'slug'), /clip\.slug/],
    [
      'with an id of another',
      '/clip.json',
      ({ clip = {} }) => Object.assign(clip, { id: 'other' }),
      /contradict/,
    ],
    [
      'with a path for an id',
      '/clip.json',
      ({ clip = {} }) => Object.assign(clip, { id: '../../x' }),
      /not an id/,
    ],
    [
      'pinned to nothing',
      '/clip.json',
      ({ clip = {} }) => Object.assign(clip, { mode: 'frozen', snapshotId: 'x' }),
      /contradict/,
    ],
    [
      'with a wrong count',
      'end.json',
      (end) => Object.assign(end, { clips: 4 }),
      /^end\.json: does not count/,
    ],
    ['of other rows', '.json', (head) => Object.assign(head, { clips: 'x' }), /^pgclip\.json.*clips/],
  ])('%s is refused', async (_, end, change, message) => {
    expect(await refused(withJson(archive, end, change as never))).toMatch(message);
  });

  it.each<readonly [string, Record<string, unknown>, RegExp]>([
    ['another fingerprint', { sha256: 'ab'.repeat(32) }, /fingerprint/],
    ['more rows', { rowCount: 5 }, /contradict/],
    ['other rows in a chunk', { chunkRows: [0, 1], rowCount: 1 }, /contradict|rows/],
    ['another checksum', { crc32: 1 }, /fingerprint|changed/],
    ['a revision that never was', { revision: 99 }, /not the snapshot/],
    ['more bytes', { bytes: 1_000_000 }, /changed or damaged/],
    ['other columns', { columns: [{ name: 'x', type: 'text', kind: 'text' }] }, /rows/],
    ['sizes past all bounds', { chunkBytes: [2 ** 40], deflatedBytes: 2 ** 40 }, /contradict|changed/],
  ])('with a snapshot of %s is refused', async (_, wrong, message) => {
    const { name } = findEntry(unpack(archive), '.csv.gz');
    const broken = withJson(archive, name.replace('.csv.gz', '.json'), (snapshot) =>
      Object.assign(snapshot, wrong),
    );
    expect(await refused(broken)).toMatch(message);
  });

  it.each(['.csv.gz', '.beside.gz'])('with millions of rows in a segment is refused: %s', async (end) => {
    const count = 2_000_000;
    const entries = unpack(archive);
    const entry = entries.filter(({ name }) => name.endsWith(end)).at(-1) as Entry;
    const rows = Buffer.alloc(count, '\n');
    const texts = end === '.csv.gz' ? [Buffer.from('n\n'), rows] : [rows];
    const whole = Buffer.concat(texts);
    const segments = await Promise.all(texts.map((text) => deflateSegment(text)));
    const sizes = segments.map(({ length }) => length);
    const sha256 = createHash('sha256').update(whole).digest('hex');
    entry.bytes = Buffer.concat([gzipHead, ...segments, gzipTail(crc32(whole), whole.length)]);
    const base = entry.name.slice(0, -end.length);
    const column = { name: 'n', type: 'text', kind: 'text' };
    const about =
      end === '.csv.gz'
        ? {
            ...{ columns: [column], besideBytes: [], chunkBytes: sizes, bytes: whole.length, sha256 },
            ...{ crc32: crc32(whole), deflatedBytes: sizes.reduce((sum, size) => sum + size) },
          }
        : {
            ...{ columns: [{ ...column, jsonAt: 1 }], besideBytes: [0, ...sizes] },
            ...{ chunkBytes: [1, 1], deflatedBytes: 2 },
          };
    const kept = entries.filter(({ name }) => end === '.beside.gz' || name !== `${base}.beside.gz`);
    const told = withJson(pack(kept), `${base}.json`, (snapshot) =>
      Object.assign(snapshot, about, { chunkRows: [0, count], rowCount: count }),
    );
    const bomb = withJson(told, `${base.split('/snapshots/')[0]}/clip.json`, ({ snapshots }) => {
      for (const each of snapshots as { id: string; sha256: string }[])
        if (base.endsWith(each.id) && end === '.csv.gz') each.sha256 = sha256;
    });
    expect(await refused(bomb)).toBe(`${entry.name}: its rows are not those that the snapshot has.`);
  });

  it('with names that lead elsewhere, or entries in another order, is refused', async () => {
    const entries = unpack(archive);
    for (const name of ['../../etc/passwd', '/etc/passwd', 'clips/../clip.json', 'clips/a/b/clip.json']) {
      const bytes = Buffer.from('{}');
      expect(await refused(pack([entries[0] as Entry, { name, bytes }]))).toContain(name);
    }
    expect(await refused(pack(entries.toReversed()))).toMatch(/^end\.json: stands where pgclip\.json/);
    const twice = pack([...entries.slice(0, -1), ...entries.slice(-1), ...entries.slice(-1)]);
    expect(await refused(twice)).toMatch(/not the last entry/);
  });

  it('that is larger than it may be is refused before it is read', async () => {
    const head = unpack(archive)[0] as Entry;
    const huge = (name: string) =>
      Buffer.concat([
        pack([head]).subarray(0, -1024),
        tarHeader(name, 100 * 2 ** 30, '2026-01-01T00:00:00.000Z'),
        Buffer.alloc(4096),
      ]);
    expect(await refused(huge('clips/abc/clip.json'))).toMatch(/larger than the \d+ bytes/);
    expect(await refused(huge('clips/abc/else'))).toMatch(/not what should come here/);
    expect(await refused(Buffer.from('not a tar file at all'))).toMatch(/ends here|not a tar/);
  });
});
