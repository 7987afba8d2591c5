/** Rows of a linked Redis as text, from a Redis that is made up: how bytes are shown, prefixes, failures, an end. */
import { describe, expect, it } from 'vitest';
import { readRows } from '../../src/adapters/postgres/redis-rows.ts';
import {
  type LinkQuestion,
  type LinkRow,
  type RedisLink,
  RedisLinkError,
} from '../../src/domain/redis-link.ts';
import type { FetchScan } from '../../src/reduction/fetch.ts';

const scan: FetchScan = {
  relation: { schema: 'hredis', name: 'redis' },
  // Not in the order of the table.
  columns: ['value', 'key', 'ttl'],
  keys: { query: '' },
};
const never = new AbortController().signal;

/** A Redis that answers every question with these rows, and keeps what it was asked. */
function fakeLink(answer: () => AsyncGenerator<readonly LinkRow[]>) {
  const asked: LinkQuestion[] = [];
  const link: Pick<RedisLink, 'read'> = {
    read(question) {
      asked.push(question);
      return answer();
    },
  };
  return { asked, findLink: () => link as RedisLink };
}

async function all(batches: AsyncIterable<readonly (readonly (string | null)[])[]>) {
  const rows: (readonly (string | null)[])[] = [];
  for await (const batch of batches) rows.push(...batch);
  return rows;
}

async function* give(...rows: LinkRow[]) {
  yield rows;
}

describe('rows of a linked Redis', () => {
  it('are shown as through the gateway, in the order that is asked for', async () => {
    const { asked, findLink } = fakeLink(() =>
      give([Buffer.from('é'), Buffer.from([255]), '00:01:00'], [Buffer.from('b'), null, null]),
    );
    expect(
      await all(readRows(findLink, never).ofKeys(scan, ['é', String.raw`\xff`, String.raw`\x61`])),
    ).toEqual([
      [String.raw`\xff`, 'é', '00:01:00'],
      [null, 'b', null],
    ]);
    // No bytes are shown as `\x61`.
    expect(asked).toMatchObject([
      { table: 'redis', keys: [Buffer.from('é'), Buffer.from([255])], parts: null },
    ]);
  });

  it('of a prefix are those whose shown key begins with it', async () => {
    const keys = ['app:1', 'apple'].map((key): LinkRow => [Buffer.from(key), Buffer.from('v'), null]);
    const { asked, findLink } = fakeLink(() => give(...keys, [Buffer.from([255]), null, null]));
    const read = (prefix: string) => all(readRows(findLink, never).ofPrefix(scan, prefix));
    expect(await read('app:')).toEqual([['v', 'app:1', null]]);
    expect(await read(String.raw`\xf`)).toEqual([[null, String.raw`\xff`, null]]);
    // Hex can't be asked for by its bytes.
    expect(asked.map(({ prefix }) => prefix.toString())).toEqual(['app:', '']);
  });

  it.each([
    ['unreachable', 'remote_unavailable', 'HV00N'],
    ['refused', 'remote_unavailable', 'HV00N'],
    ['denied', 'sql_failed', '42501'],
    ['moved', 'sql_failed', 'HV000'],
  ] as const)('fail as the gateway does: %s', async (failure, code, sqlstate) => {
    // biome-ignore lint/correctness/useYield: it fails before its first row.
    const { findLink } = fakeLink(async function* () {
      throw new RedisLinkError(failure, 'Redis says no.');
    });
    await expect(all(readRows(findLink, never).ofKeys(scan, ['a']))).rejects.toMatchObject({
      ...{ code, sql: { sqlstate, message: 'Redis says no.' } },
    });
  });

  it('end at once when nobody wants them, whatever Redis does', async () => {
    const stop = new AbortController();
    const { findLink } = fakeLink(async function* () {
      yield [[Buffer.from('a'), null, null]];
      stop.abort(new Error('over'));
      await new Promise(() => {});
    });
    await expect(all(readRows(findLink, stop.signal).ofKeys(scan, ['a']))).rejects.toThrow('over');
    await expect(all(readRows(findLink, stop.signal).ofKeys(scan, ['a']))).rejects.toThrow('over');
  });

  it('are not read for a view that has other columns', async () => {
    const { findLink } = fakeLink(() => give());
    const other = { ...scan, columns: ['key', 'mine'] };
    await expect(all(readRows(findLink, never).ofKeys(other, ['a']))).rejects.toMatchObject({
      code: 'sql_refused',
    });
  });
});
