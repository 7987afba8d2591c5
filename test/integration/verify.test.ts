/** `pgclip verify` and what `pgclip` says of snapshots and their retention, over a store whose bits really flip. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import {
  type ClipAnswer,
  openTestServer,
  type SnapshotAnswer,
  type TestServer,
  testToken,
} from '../support/server.ts';

const redisUrl = `${inject('redisUrl')}/13`;
/** Past what is put together in memory before it is sent, so that damage shows in the middle of a download. */
const largeSql = 'select n, md5(n::text) as t, \'a "b"\n\' as awkward from generate_series(1, 60000) n';

let server: TestServer;
let redis: Redis;
/** Stands before the server, and answers for some snapshots itself. */
let front: Server;
let frontUrl: string;
const instead = new Map<string, () => Response>();

beforeAll(async () => {
  redis = new Redis(redisUrl);
  server = await openTestServer({ postgresUrl: inject('postgresUrl'), redisUrl });
  front = createServer(async (request, response) => {
    const own = [...instead].find(([part]) => request.url?.includes(part))?.[1];
    const headers = { Authorization: request.headers.authorization ?? '' };
    const answer = own ? own() : await server.fetch(request.url ?? '', { headers });
    response.writeHead(answer.status, { 'Content-Type': answer.headers.get('Content-Type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  }).listen(0, '127.0.0.1');
  await once(front, 'listening');
  frontUrl = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
});
beforeEach(async () => {
  instead.clear();
  await redis.flushdb();
});
afterAll(async () => {
  front.closeAllConnections();
  front.close();
  await server.close();
  await redis.quit();
});

const cli = (...args: string[]) => runCli(args, { env: { PGCLIP_URL: server.url, PGCLIP_TOKEN: testToken } });
const throughFront = (...args: string[]) =>
  runCli(args, { env: { PGCLIP_URL: frontUrl, PGCLIP_TOKEN: testToken } });
const freeze = async ({ id }: ClipAnswer) =>
  (await server.call<SnapshotAnswer>('POST', `/api/clips/${id}/freeze`)).body;

/** Flips one bit in the middle of a stored chunk. */
async function flipBit({ clipId, id }: SnapshotAnswer, chunk: number): Promise<void> {
  const key = `pgclip:{${clipId}}:snapshot:${id}`;
  const bytes = (await redis.lindexBuffer(key, chunk)) as Buffer;
  const at = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
  await redis.lset(key, chunk, bytes);
}

const frozen = async (name: string, sql = `select '${name}' as name`) => {
  const clip = await server.save({ name, sql, mode: 'frozen' });
  return { clip, snapshot: clip.snapshot as SnapshotAnswer };
};

it('reads every snapshot of every clip, and finds them as they were', async () => {
  const { clip } = await frozen('One', largeSql);
  await freeze(clip);
  await frozen('Two');
  await server.save({ name: 'Live', sql: 'select 1' });
  const all = await cli('verify');
  expect(all).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^3 snapshots of 3 clips, 6\.0 MB: everything matches\n$/),
    stderr: '',
  });
  const some = await cli('verify', 'Two', 'Live', 'Two', '--json');
  expect(some).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(some.stdout)).toEqual({ clips: 2, snapshots: 1, bytes: 9, mismatches: [] });
  expect(await cli('verify', 'Two', 'None')).toMatchObject({ code: 1, stdout: '' });
});

it('names what has a flipped bit, small or large, and goes on', async () => {
  const small = await frozen('Small');
  const large = await frozen('Large', largeSql);
  const good = await frozen('Good');
  const second = await freeze(large.clip);
  await flipBit(small.snapshot, 1);
  await flipBit(large.snapshot, 2);
  const { code, stdout, stderr } = await cli('verify');
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^pgclip: 4 snapshots of 3 clips, 6\.0 MB: 2 mismatches\.\n$/),
  });
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(2);
  const { clip, snapshot } = large;
  const minute = `${snapshot.takenAt.slice(0, 16).replace('T', ' ')}Z`;
  expect(lines[0]).toBe(
    `Large (${clip.id}), snapshot ${snapshot.id} of ${minute}: damaged: its download breaks off each time`,
  );
  expect(lines[1]).toContain(`Small (${small.clip.id}), snapshot ${small.snapshot.id} of `);
  expect(lines[1]).toMatch(/: damaged: A part of this snapshot is not what was stored/);
  expect(stdout).not.toContain(second.id);
  expect(await cli('verify', 'Good')).toMatchObject({ code: 0 });
  expect(stdout).not.toContain(good.snapshot.id);
});

it('names bytes that are others, answers that do not come, and a snapshot that is lost', async () => {
  const other = await frozen('Other', 'select 1 as a union all select 2');
  const refused = await frozen('Refused');
  const lost = await frozen('Lost');
  await redis.hdel(`pgclip:{${lost.clip.id}}:snapshots`, lost.snapshot.id);
  instead.set(`/s/${other.snapshot.id}`, () => new Response('a\n1\n'));
  instead.set(`/s/${refused.snapshot.id}`, () => new Response('no', { status: 502 }));
  const { code, stdout, stderr } = await throughFront('verify', '--json');
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('3 mismatches') });
  const { mismatches } = JSON.parse(stdout);
  const place = ({ clip, snapshot }: typeof other) => ({
    clipId: clip.id,
    clip: clip.name,
    snapshotId: snapshot.id,
    takenAt: snapshot.takenAt,
  });
  expect(mismatches).toEqual([
    {
      ...place(lost),
      snapshotId: null,
      takenAt: null,
      problem: 'damaged',
      detail: expect.stringContaining('lost'),
    },
    { ...place(refused), problem: 'unreachable', detail: 'the server answered with status 502' },
    {
      ...place(other),
      problem: 'different',
      detail: expect.stringMatching(
        /^bytes 4 instead of 6, rowCount 1 instead of 2, sha256 \w{64} instead of \w{64}$/,
      ),
    },
  ]);
});

it('passes over what is removed, and follows a clip to its new URL, while it reads', async () => {
  const { clip, snapshot } = await frozen('Moving');
  const newer = await freeze(clip);
  instead.set(`/c/${clip.slug}/s/${newer.id}`, () => {
    instead.clear();
    return new Response('', { status: 404 });
  });
  // The first answer of all is that of the list, which is stale then.
  instead.set(`/api/clips/${clip.id}/snapshots`, () => {
    instead.delete(`/api/clips/${clip.id}/snapshots`);
    return Response.json({ snapshots: [newer, { ...snapshot, id: 'removed' }] });
  });
  const stale = await throughFront('verify', '--json');
  // The newer one is listed still, at the same URL: so that was no removal.
  expect(JSON.parse(stale.stdout)).toMatchObject({
    snapshots: 1,
    mismatches: [{ snapshotId: newer.id, problem: 'unreachable' }],
  });
  instead.set(`/api/clips?`, () => {
    instead.clear();
    return Response.json({ clips: [{ ...clip, slug: 'the-slug-of-before-0123' }], next: null });
  });
  const rotated = await throughFront('verify', '--json');
  expect([rotated.code, JSON.parse(rotated.stdout)]).toMatchObject([0, { snapshots: 2, mismatches: [] }]);
});

it('shows the whole fingerprint, and both SQL texts when the clip has gone on', async () => {
  const { clip, snapshot } = await frozen('Shown', "select 1 as one, 'x' as two");
  const before = (await cli('show', clip.id)).stdout;
  for (const line of [
    `Snapshot  ${snapshot.id}`,
    `URL       ${snapshot.url}`,
    `Taken     ${snapshot.takenAt}`,
    'Revision  1',
    'Database  DATABASE_URL',
    `Postgres  ${snapshot.serverVersion}`,
    'Rows      1',
    'Columns   one integer, two text',
    'Bytes     12',
    `sha256    ${snapshot.sha256}`,
  ])
    expect(before.split('\n')).toContain(line);
  expect(before.endsWith("\n\nselect 1 as one, 'x' as two\n")).toBe(true);
  await cli('edit', clip.id, 'select 2 as two');
  const after = (await cli('show', clip.id)).stdout;
  expect(after.indexOf('select 1 as one')).toBeGreaterThan(after.indexOf('Revision 1, of which'));
  expect(after.endsWith('\nRevision 2, of the clip:\n\nselect 2 as two\n')).toBe(true);
});

it('sets what is kept, and shows it', async () => {
  const { clip } = await frozen('Kept');
  await freeze(clip);
  await freeze(clip);
  const keeps = async () => /^Keeps +(.*)$/m.exec((await cli('show', clip.id)).stdout)?.[1];
  expect(await keeps()).toBe('all');
  expect(await cli('edit', clip.id, '--keep', 'last:2')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('keeps last:2'),
    stderr: '',
  });
  expect(await keeps()).toBe('last:2');
  expect((await cli('verify', clip.id)).stdout).toMatch(/^2 snapshots/);
  await cli('edit', clip.id, '--keep', 'days:30');
  expect(await keeps()).toBe('days:30');
  await cli('edit', clip.id, '--keep', 'all');
  expect(await keeps()).toBe('all');
  for (const wrong of ['none', 'last:0', 'days:40000', '']) {
    expect(await cli('edit', clip.id, '--keep', wrong)).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--keep takes all, last:N'),
    });
  }
});
