/** Archives as tests look at them: out of a server and in, taken apart and put together, and what they must carry. */
import { createHash } from 'node:crypto';
import { get } from 'node:http';
import type { ImportReport } from '../../src/services/archive/import-archive.ts';
import { paddingOf, parseTarHeader, tarEnd, tarHeader } from '../../src/services/archive/tar-header.ts';
import { type ApiAnswer, type ClipAnswer, readAnswer, type TestServer, testToken } from './server.ts';

const formats = ['csv', 'json', 'ndjson', 'xml', 'xlsx'] as const;
const nested = `select n, array[n, null] as a, row(n, repeat('x', 300)) as r, null::int[] as none, 'ünï 📈' as u
  from generate_series(1, 3000) n`;
/** Some chunks. */
export const many = 'select n, md5(n::text) as m from generate_series(1, 30000) n';
export const authorization = `Bearer ${testToken}`;

/** The archive of all that the server has. */
export async function exported(server: TestServer): Promise<Buffer> {
  const response = await server.fetch('/api/export', { headers: { Authorization: authorization } });
  if (response.status !== 200) throw new Error(`The export was refused: ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

/** Imports, and gives what was said. */
export async function imported<T = ImportReport>(
  server: TestServer,
  body: Uint8Array,
  query = '',
): Promise<ApiAnswer<T>> {
  const headers = { Authorization: authorization, 'Content-Type': 'application/x-tar' };
  return readAnswer<T>(
    await server.fetch(`/api/import${query}`, { method: 'POST', headers, body: new Uint8Array(body) }),
  );
}

/** An entry of an archive. */
export interface Entry {
  name: string;
  bytes: Buffer;
}

/** The archive's entries. */
export function unpack(archive: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; archive[at] !== 0; ) {
    const header = parseTarHeader(archive.subarray(at, at + 512));
    if (!header) throw new Error('no header');
    const bytes = Buffer.from(archive.subarray(at + 512, at + 512 + header.size));
    entries.push({ name: header.name, bytes });
    at += 512 + header.size + paddingOf(header.size);
  }
  return entries;
}

/** An archive of these entries. */
export function pack(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ name, bytes }) => [
    tarHeader(name, bytes.length, '2026-01-01T00:00:00.000Z'),
    bytes,
    new Uint8Array(paddingOf(bytes.length)),
  ]);
  return Buffer.concat([...parts, tarEnd]);
}

/** The first entry whose name ends so. */
export const findEntry = (entries: readonly Entry[], end: string) => {
  const found = entries.find(({ name }) => name.endsWith(end));
  if (!found) throw new Error(`no ${end}`);
  return found;
};

/** The archive with the JSON of the first entry of this end changed. */
export function withJson(
  archive: Buffer,
  end: string,
  change: (value: Record<string, unknown>) => void,
): Buffer {
  const entries = unpack(archive);
  const entry = findEntry(entries, end);
  const value = JSON.parse(entry.bytes.toString());
  change(value);
  entry.bytes = Buffer.from(JSON.stringify(value));
  return pack(entries);
}

/** What a clip's URLs give, in every format and coding, and what the API says of it. */
export async function everythingOf(server: TestServer, id: string) {
  const { body: clip } = await server.call<ClipAnswer>('GET', `/api/clips/${id}`);
  const { body: revisions } = await server.call('GET', `/api/clips/${id}/revisions`);
  const { body } = await server.call<{ snapshots: { id: string }[] }>('GET', `/api/clips/${id}/snapshots`);
  const paths = body.snapshots.map((snapshot) => `/c/${clip.slug}/s/${snapshot.id}`);
  if (clip.mode === 'frozen') paths.push(`/c/${clip.slug}`);
  const hashes: Record<string, string> = {};
  for (const path of paths) {
    for (const format of formats) {
      for (const coding of format === 'xlsx' ? ['identity'] : ['identity', 'gzip']) {
        // Raw: fetch would unpack it.
        const raw = await rawBytes(`${server.url}${path}.${format}`, coding);
        hashes[`${path}.${format} ${coding}`] = createHash('sha256').update(raw).digest('hex');
      }
    }
  }
  const text = JSON.stringify({ clip, revisions, ...body }).replaceAll(server.url, '');
  return { api: JSON.parse(text) as unknown, hashes };
}

async function rawBytes(url: string, coding: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'Accept-Encoding': coding } }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      if (answer.statusCode !== 200) reject(new Error(`${answer.statusCode}`));
      resolve(Buffer.concat(parts));
    }).on('error', reject);
  });
}

/** A clip of three revisions and two snapshots, thawed or not, and two more. */
export async function fill(server: TestServer): Promise<string[]> {
  const one = await server.save({ name: 'Nested', sql: nested, mode: 'frozen' });
  await server.call('PATCH', `/api/clips/${one.id}`, { sql: many, retention: { last: 5 } });
  await server.call('POST', `/api/clips/${one.id}/freeze`);
  await server.call('PATCH', `/api/clips/${one.id}`, { sql: 'select 1 as one' });
  const two = await server.save({
    name: 'Thawed',
    sql: 'select now() as at, 1 as n where false',
    mode: 'frozen',
  });
  await server.call('POST', `/api/clips/${two.id}/thaw`);
  const three = await server.save({ name: 'Live only', sql: 'select 3 as three' });
  return [one.id, two.id, three.id];
}

/** Removes all clips. */
export async function emptyServer(server: TestServer): Promise<void> {
  for (;;) {
    const { clips } = (await server.call<{ clips: ClipAnswer[] }>('GET', '/api/clips')).body;
    if (clips.length === 0) return;
    for (const { id } of clips) await server.call('DELETE', `/api/clips/${id}`);
  }
}
