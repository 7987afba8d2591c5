/** A gate in a database, closed until it is opened: SQL that waits at it stands still as long as a test wants. */
import { Observer } from './runs.ts';

const lock = 4711;

/** A value that comes only when the gate is open. */
export const waitAtGate = `pg_advisory_lock_shared(${lock})::text`;

/** Rows of which the first come at once and the last one only when the gate is open. `before` rows of 50 characters. */
export const rowsAroundGate = (before: number) =>
  `select repeat('x', 50) as t from generate_series(1, ${before}) union all select ${waitAtGate}`;

export interface Gate {
  /** Looks on from outside. */
  readonly observer: Observer;
  close(): Promise<void>;
  open(): Promise<void>;
  /** How many runs stand at it. */
  waiting(): Promise<number>;
  end(): Promise<void>;
}

/** A closed gate in the superuser's database. To be ended. */
export async function closeGate(superuserUrl: string): Promise<Gate> {
  const observer = await Observer.open(superuserUrl);
  const close = async () => void (await observer.rows(`select pg_advisory_lock(${lock})`));
  await close();
  return {
    observer,
    close,
    open: async () => void (await observer.rows(`select pg_advisory_unlock(${lock})`)),
    waiting: () => observer.backends(`wait_event = 'advisory'`),
    end: () => observer.end(),
  };
}
