/**
 * Locks of all that a change will touch, taken together and before anything is changed. A clip that reads two tables in
 * the other order could otherwise be the victim of a deadlock. So for the first lock we wait in the queue, which harms
 * nobody while we have no other; for the others hardly at all, in all for less long than Postgres waits before it looks
 * for a deadlock; then all are given back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg, { escapeIdentifier, escapeLiteral } from 'pg';
import { AppError } from '../../../domain/errors.ts';
import { checkWanted } from './connection.ts';

export interface LockTarget {
  readonly schema: string;
  readonly name: string;
  /** Its owner, which it keeps. */
  readonly owner: string;
}

/** The longest between two tries; the first come sooner. */
const longestPauseMs = 250;
/** How long the first lock is waited for in the first try; each time longer. Whoever comes meanwhile waits as well. */
const firstPatienceMs = 5;
/** The longest that it is: what waits behind us has deadlines of its own. */
const longestPatienceMs = 2_000;
/** How long each of the others is. Whoever has one of them may be waiting for one that we have already. */
const otherPatienceMs = 5;

/**
 * Locks tables, views and foreign tables against every reader until the transaction ends. Clips that ask for them
 * meanwhile wait. Throws `link_busy` when that did not come about before the deadline, `run_cancelled`.
 */
export async function lockTables(
  client: pg.ClientBase,
  targets: readonly LockTarget[],
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<void> {
  if (targets.length === 0) return;
  const patience = await readPatience(client);
  // Thousands of statements take their time even when nobody is in the way.
  const othersMs = patience + Math.min(patience, targets.length);
  const endMs = performance.now() + deadlineMs;
  for (let tries = 0; ; tries++) {
    checkWanted(signal);
    const patienceMs = Math.min(longestPatienceMs, Math.round(firstPatienceMs * 1.5 ** tries));
    const [first, ...others] = shuffle(targets).map(lockSql);
    await client.query(`SAVEPOINT locks; SET LOCAL lock_timeout = ${patienceMs}`);
    try {
      await client.query(first ?? '');
      // The timeouts go back with the savepoint, or are set anew.
      await client.query(
        `SET LOCAL lock_timeout = ${otherPatienceMs}; SET LOCAL statement_timeout = ${othersMs}`,
      );
      await client.query(`DO ${escapeLiteral(`BEGIN ${others.join(' ')} END`)}`);
      await client.query(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'; RELEASE SAVEPOINT locks",
      );
      return;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || !waitedTooLong.has(error.code ?? '')) throw error;
      await client.query('ROLLBACK TO SAVEPOINT locks');
    }
    const pauseMs = Math.random() * Math.min(longestPauseMs, 10 * 1.2 ** tries);
    if (performance.now() + pauseMs > endMs)
      throw new AppError(
        'link_busy',
        'Clips read the tables of the link without a pause, so they could not be changed. Try again later.',
        { retryAfterSeconds: 30 },
      );
    await sleep(pauseMs);
  }
}

/** LOCK TABLE takes no foreign tables. This changes nothing, and takes the lock of statements that do. */
function lockSql({ schema, name, owner }: LockTarget): string {
  return `ALTER TABLE ${escapeIdentifier(schema)}.${escapeIdentifier(name)} OWNER TO ${escapeIdentifier(owner)};`;
}

/** In another order at every try, so that none is unlucky for ever. */
function shuffle(targets: readonly LockTarget[]): readonly LockTarget[] {
  return targets
    .map((target) => ({ target, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ target }) => target);
}

/** The statement's time is up, a lock's is, or a deadlock was found. */
const waitedTooLong = new Set(['57014', '55P03', '40P01']);

/** How long the others may take together: well below the time after which a clip that waits for us looks for a deadlock. */
async function readPatience(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ ms: number }>(
    "SELECT setting::int AS ms FROM pg_settings WHERE name = 'deadlock_timeout'",
  );
  return Math.max(firstPatienceMs, Math.min(1_000, Math.floor((rows[0]?.ms ?? 1_000) * 0.4)));
}
