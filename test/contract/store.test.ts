/** The contract of the ports Store, ClipStore, SnapshotStore and SnapshotWriter (domain/ports.ts), for every store. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { clipContract } from './clip-contract.ts';
import { type Contest, contenders } from './contenders.ts';
import { encodingContract } from './encoding-contract.ts';
import { restoreContract } from './restore-contract.ts';
import { snapshotContract } from './snapshot-contract.ts';
import { writerContract } from './writer-contract.ts';

describe.each(contenders)('the $name store', (contender) => {
  let contest: Contest;
  beforeAll(() => contender.start());
  beforeEach(async () => {
    contest = await contender.open();
  });
  afterEach(() => contest.close());
  afterAll(() => contender.stop());

  test('answers a ping', async () => {
    await expect(contest.store.ping()).resolves.toBeUndefined();
  });

  test('can be closed twice and answers no more', async () => {
    await contest.store.close();
    await contest.store.close();
    await expect(contest.store.ping()).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  clipContract(() => contest);
  snapshotContract(() => contest);
  writerContract(() => contest);
  encodingContract(() => contest);
  restoreContract(() => contest);
});
