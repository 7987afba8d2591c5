/** Links in words: how one differs from its remote, and what a refresh did. */
import { describe, expect, it } from 'vitest';
import type { LinkChange, LinkStatus } from '../../src/domain/data-link.ts';
import {
  countChanges,
  describeChange,
  describeDifference,
  describeOutdated,
  describeStrongLogin,
  findChangedTables,
} from '../../src/domain/link-words.ts';
import { sampleChange } from '../support/sample-links.ts';

const refreshedAt = '2026-11-20T08:15:00.000Z';
const statusOf = (changes: readonly LinkChange[] | null, problems: LinkStatus['problems'] = []) =>
  ({ refreshedAt, changes, problems }) as unknown as LinkStatus;
const differenceOf = (changes: readonly LinkChange[] | null) => describeDifference(statusOf(changes));
const table = (name: string) => sampleChange({ change: 'added', kind: 'table', name, table: null });

describe('a login that may do more than read', () => {
  it('is told with two reasons at most', () => {
    const say = (...reasons: string[]) => describeStrongLogin('WAREHOUSE_URL', reasons);
    expect(say('It may A.', 'It may B.')).toMatch(
      /^The login of WAREHOUSE_URL .* It may A. It may B. The link /,
    );
    expect(say('It may A.')).toContain('read. It may A. The link ');
    expect(say('It may A.', 'It may B.', 'It may C.')).toContain(
      'It may A. "pgclip databases" tells 2 more reasons.',
    );
  });
});

describe('the difference of a link', () => {
  it('is told in tables, each once', () => {
    const changes = [
      sampleChange({}),
      sampleChange({ name: 'users.id' }),
      table('orders'),
      sampleChange({ kind: 'login', table: null }),
    ];
    expect(findChangedTables(changes)).toEqual(['users', 'orders']);
    expect(differenceOf(changes)).toBe('2 changed on the remote since 2026-11-20, refresh to see them');
    expect(differenceOf([sampleChange({})])).toBe(
      '1 changed on the remote since 2026-11-20, refresh to see it',
    );
    expect(describeOutdated(statusOf(changes))).toBe(
      '2 of its tables have changed on the remote since 2026-11-20',
    );
    expect(describeOutdated(statusOf([sampleChange({})]))).toBe(
      '1 of its tables has changed on the remote since 2026-11-20',
    );
  });

  it('is told in other words when it is in no table', () => {
    const changes = (['server', 'login', 'login'] as const).map((kind) =>
      sampleChange({ kind, table: null }),
    );
    const what = "changed since 2026-11-20: the remote's address, the remote's login";
    expect(differenceOf(changes)).toBe(`${what}, refresh to mend it`);
    expect(describeOutdated(statusOf(changes))).toBe(what);
  });

  it('is not laid on the remote when it is the database that lacks something', () => {
    const broken = statusOf([table('users')], [{ level: 'broken', message: 'The schema is gone.' }]);
    expect([describeDifference(broken), describeOutdated(broken)]).toEqual([
      'refresh to mend it',
      'it is broken',
    ]);
    const looked = statusOf([table('users')], [{ level: 'warn', message: 'Look at it.' }]);
    expect(describeOutdated(looked)).toContain('on the remote');
  });

  it('is not laid on a Redis, whose tables are always the same', () => {
    const redis = { prefix: '', writable: false, gateway: true, missedGateway: null };
    const lacking = { ...statusOf([table('sets'), table('zsets')]), redis };
    expect([describeDifference(lacking), describeOutdated(lacking)]).toEqual([
      '2 missing or changed, refresh to mend them',
      '2 of its tables are missing or changed',
    ]);
    const moved = { ...statusOf([sampleChange({ kind: 'server', table: null })]), redis };
    expect(describeDifference(moved)).toBe(
      "changed since 2026-11-20: the remote's address, refresh to mend it",
    );
  });

  it('is none when there is none, or when nobody knows', () => {
    expect([differenceOf([]), differenceOf(null)]).toEqual([null, null]);
  });
});

describe('changes', () => {
  it('are a line each, and counted', () => {
    const changes = [
      table('orders'),
      sampleChange({ detail: 'integer → bigint' }),
      sampleChange({
        change: 'removed',
        kind: 'dependent',
        name: 'view public.paying',
        table: null,
        detail: 'CREATE VIEW',
      }),
    ];
    expect(changes.map(describeChange)).toEqual([
      'added table orders',
      'changed column users.plan (integer → bigint)',
      'removed view public.paying',
    ]);
    expect(countChanges(changes)).toBe('1 added, 1 changed, 1 removed');
    expect(countChanges(Array.from({ length: 1200 }, () => table('x')))).toBe(
      '1,200 added, 0 changed, 0 removed',
    );
  });
});
