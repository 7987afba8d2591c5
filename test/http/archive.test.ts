/** `/api/export` and `/api/import`: what goes out comes in again, to the byte, and changes nothing that it should not. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Problem } from '../../src/http/problem.ts';
import { archiveVersion } from '../../src/services/archive/entries.ts';
import {
  authorization,
  emptyServer,
  everythingOf,
  exported,
  fill,
  findEntry,
  imported,
  many,
  unpack,
  withJson,
} from '../support/archive.ts';
import { type ClipAnswer, openTestServer, type TestServer } from '../support/server.ts';

let from: TestServer;
let to: TestServer;
beforeAll(async () => {
  const postgresUrl = inject('postgresUrl');
  from = await openTestServer({ postgresUrl, redisUrl: `${inject('redisUrl')}/9` });
  to = await openTestServer({ postgresUrl });
});
afterAll(async () => {
  await from.close();
  await to.close();
});
beforeEach(async () => {
  for (const server of [from, to]) await emptyServer(server);
});

const nothing = { clips: 0, snapshots: 0, bytes: 0, unchanged: 0, replaced: 0, conflicts: [] };

describe('an export', () => {
  it('is a tar file that needs no pgclip: its CSV unpacked has the fingerprint', async () => {
    const [id = ''] = await fill(from);
    const archive = await exported(from);
    execFileSync('tar', ['-tf', '-'], { input: archive });
    const entries = unpack(archive);
    expect(entries[0]?.name).toBe('pgclip.json');
    expect(JSON.parse(entries[0]?.bytes.toString() ?? '')).toMatchObject({
      ...{ format: 'pgclip archive', version: archiveVersion, clips: 3, snapshots: 3 },
    });
    const { body } = await from.call<{ snapshots: { id: string; sha256: string }[] }>(
      'GET',
      `/api/clips/${id}/snapshots`,
    );
    expect(body.snapshots).toHaveLength(2);
    for (const snapshot of body.snapshots) {
      const { bytes } = findEntry(entries, `${snapshot.id}.csv.gz`);
      expect(createHash('sha256').update(gunzipSync(bytes)).digest('hex')).toBe(snapshot.sha256);
    }
    const besides = entries.filter(({ name }) => name.endsWith('.beside.gz'));
    expect(besides).toHaveLength(1);
    expect(
      gunzipSync(besides[0]?.bytes ?? Buffer.alloc(0))
        .toString()
        .split('\n'),
    ).toHaveLength(3001);
    expect(entries.at(-1)?.name).toBe('end.json');
    expect(JSON.parse(entries.at(-1)?.bytes.toString() ?? '')).toMatchObject({ clips: 3, snapshots: 3 });
  });

  it('of an empty store is whole', async () => {
    expect(unpack(await exported(from)).map(({ name }) => name)).toEqual(['pgclip.json', 'end.json']);
    expect((await imported(to, await exported(from))).body).toEqual(nothing);
  });

  it('answers HEAD with about how much it will be', async () => {
    await fill(from);
    const headers = { Authorization: authorization };
    const response = await from.fetch('/api/export', { method: 'HEAD', headers });
    const about = Number(response.headers.get('X-Archive-Bytes'));
    const { length } = await exported(from);
    expect(about / length).toBeGreaterThan(0.9);
    expect(about / length).toBeLessThan(1.1);
  });

  it('of a damaged snapshot breaks off', async () => {
    const clip = await from.save({ sql: many, mode: 'frozen' });
    const redis = new Redis(`${inject('redisUrl')}/9`);
    await redis.rpop(`pgclip:{${clip.id}}:snapshot:${clip.snapshot?.id}`);
    await redis.quit();
    const response = await from.fetch('/api/export', { headers: { Authorization: authorization } });
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  it.each(['GET /api/export', 'POST /api/import'])('%s asks for the token', async (call) => {
    const [method = '', path = ''] = call.split(' ');
    const init = method === 'GET' ? {} : { body: 'x', headers: { 'Content-Type': 'application/x-tar' } };
    expect((await to.fetch(path, { method, ...init })).status).toBe(401);
  });
});

describe('an import', () => {
  it('gives every URL the same bytes, from Redis to the embedded store and back', async () => {
    const ids = await fill(from);
    const before = await Promise.all(ids.map((id) => everythingOf(from, id)));
    const archive = await exported(from);
    const { status, body } = await imported(to, archive);
    expect([status, body]).toEqual([200, { ...nothing, clips: 3, snapshots: 3, bytes: body.bytes }]);
    expect(await Promise.all(ids.map((id) => everythingOf(to, id)))).toEqual(before);

    for (const id of ids) await from.call('DELETE', `/api/clips/${id}`);
    const back = await exported(to);
    expect((await imported(from, back)).body).toEqual(body);
    expect(await Promise.all(ids.map((id) => everythingOf(from, id)))).toEqual(before);
    // What a live clip and its next changes need is there too.
    expect((await from.fetch(`/c/${(await clipOf(from, ids[2])).slug}.csv`)).status).toBe(200);
    expect((await from.call('PATCH', `/api/clips/${ids[0]}`, { name: 'New' })).status).toBe(200);
  });

  it('again changes nothing', async () => {
    const ids = await fill(from);
    const archive = await exported(from);
    await imported(to, archive);
    const before = await Promise.all(ids.map((id) => to.call('GET', `/api/clips/${id}`)));
    expect((await imported(to, archive)).body).toEqual({ ...nothing, unchanged: 3 });
    expect((await imported(to, archive, '?replace=1')).body).toEqual({ ...nothing, unchanged: 3 });
    const after = await Promise.all(ids.map((id) => to.call('GET', `/api/clips/${id}`)));
    expect(after.map(({ text }) => text)).toEqual(before.map(({ text }) => text));
  });

  it('into a used store names conflicts, leaves them alone and brings in the others', async () => {
    const ids = await fill(from);
    const own = await to.save({ name: 'Own', sql: 'select 0 as zero' });
    const archive = await exported(from);
    await imported(to, archive);
    await to.call('PATCH', `/api/clips/${ids[0]}`, { name: 'Changed here' });
    await to.call('DELETE', `/api/clips/${ids[1]}`);
    const changed = await everythingOf(to, ids[0] ?? '');
    const { status, body, text } = await imported(to, archive);
    expect([status, body]).toEqual([
      200,
      {
        ...nothing,
        ...{ clips: 1, snapshots: 1, unchanged: 1, bytes: expect.any(Number) },
        conflicts: [{ id: ids[0], name: 'Nested', reason: expect.stringContaining('not the same') }],
      },
    ]);
    expect(text).not.toContain((await clipOf(from, ids[0])).slug);
    expect(await everythingOf(to, ids[0] ?? '')).toEqual(changed);
    expect((await to.call('GET', `/api/clips/${own.id}`)).status).toBe(200);
  });

  it('with replace puts the clip of the archive in the place of the one with its id', async () => {
    const [id = ''] = await fill(from);
    const whole = await everythingOf(from, id);
    const archive = await exported(from);
    await imported(to, archive);
    const rotated = (await to.call<ClipAnswer>('POST', `/api/clips/${id}/rotate`)).body;
    await to.call('POST', `/api/clips/${id}/freeze`);
    const old = `/c/${rotated.slug}.csv`;
    expect(await (await to.fetch(old)).text()).toBe('one\n1\n');
    const { body } = await imported(to, archive, '?replace=1');
    expect(body).toMatchObject({ clips: 1, snapshots: 2, replaced: 1, unchanged: 2, conflicts: [] });
    expect(await everythingOf(to, id)).toEqual(whole);
    expect((await to.fetch(old)).status).toBe(404);
  });

  it('never takes the URL of another clip, even with replace', async () => {
    const clip = await from.save({ name: 'Mine', sql: 'select 1 as one' });
    const other = await to.save({ name: 'Other', sql: 'select 2 as two' });
    const archive = withJson(await exported(from), '/clip.json', (entry) => {
      (entry.clip as { slug: string }).slug = other.slug;
    });
    for (const query of ['', '?replace=1']) {
      const { body, text } = await imported(to, archive, query);
      expect(body.conflicts).toEqual([{ id: clip.id, name: 'Mine', reason: 'Another clip has its URL.' }]);
      expect(text).not.toContain(other.slug);
    }
    expect(await (await to.fetch(`/c/${other.slug}.csv`)).text()).toBe('two\n2\n');
  });

  it('gives no answer that was remembered of an earlier clip with the id', async () => {
    const clip = await to.save({ sql: 'select 1 as one', mode: 'frozen' });
    const archive = await exported(to);
    await to.call('PATCH', `/api/clips/${clip.id}`, { sql: 'select 2 as two' });
    await to.call('POST', `/api/clips/${clip.id}/freeze`);
    const path = `/c/${clip.slug}.csv`;
    for (let asked = 0; asked < 3; asked++) expect(await (await to.fetch(path)).text()).toBe('two\n2\n');
    await imported(to, archive, '?replace=1');
    for (let asked = 0; asked < 3; asked++) expect(await (await to.fetch(path)).text()).toBe('one\n1\n');
  });

  it('takes a body of any size, and no other kind of body', async () => {
    const json = await to.call<Problem>('POST', '/api/import', { a: 1 });
    expect([json.status, json.body.code]).toEqual([415, 'unsupported_media_type']);
    expect((await imported(to, Buffer.alloc(0))).status).toBe(422);
    expect((await imported(to, await exported(from), '?replace=yes')).status).toBe(400);
  });
});

async function clipOf(server: TestServer, id = ''): Promise<ClipAnswer> {
  return (await server.call<ClipAnswer>('GET', `/api/clips/${id}`)).body;
}
