/** The check of a login that stands before every run, over a database that counts how often it is looked at. */
import { describe, expect, it } from 'vitest';
import type { Database, DatabaseStatus } from '../../src/domain/ports.ts';
import { Databases } from '../../src/services/databases.ts';

const name = 'DATABASE_URL';
const safe = { name, reachable: true, safe: true, problems: [], error: null } as unknown as DatabaseStatus;
const away = { ...safe, reachable: false, safe: null } satisfies DatabaseStatus;

/** A database whose next looks end with these, in order, when they are let go. */
function openLooks(...statuses: DatabaseStatus[]) {
  const waiting: (() => void)[] = [];
  let looks = 0;
  const inspect = () => {
    const status = statuses[looks++] ?? safe;
    return new Promise<DatabaseStatus>((resolve) => waiting.push(() => resolve(status)));
  };
  const database = { name, inspect } as unknown as Database;
  return {
    databases: new Databases({ databases: [database], allowUnsafeLogin: false, seen: new Map() }),
    get looks() {
      return looks;
    },
    letGo: () => {
      for (const go of waiting.splice(0)) go();
    },
  };
}

describe('a burst of runs', () => {
  it('shares one look at the login, which is believed from then on', async () => {
    const place = openLooks();
    const asked = Array.from({ length: 100 }, () => place.databases.getSafe(name));
    expect(place.looks).toBe(1);
    place.letGo();
    expect(new Set((await Promise.all(asked)).map((database) => database.name))).toEqual(new Set([name]));
    await place.databases.getSafe(name);
    expect(place.looks).toBe(1);
  });

  it('is told together that the database is away; the next one looks again', async () => {
    const place = openLooks(away, safe);
    const asked = Array.from({ length: 3 }, () => place.databases.getSafe(name));
    place.letGo();
    for (const each of asked) await expect(each).rejects.toMatchObject({ code: 'database_unavailable' });
    const again = place.databases.getSafe(name);
    expect(place.looks).toBe(2);
    place.letGo();
    expect((await again).name).toBe(name);
  });
});
