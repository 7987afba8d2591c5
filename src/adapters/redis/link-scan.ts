/**
 * The keys of a link by SCAN, each once. Never KEYS: a step looks at about 1,000 keys, which keeps Redis from others
 * for less than a millisecond. The next step is asked for while the keys of this one are worked on.
 */
import type { Argument, LinkConnection } from './link-connection.ts';
import { askAll } from './link-pipeline.ts';
import { SeenKeys } from './link-seen-keys.ts';

const scanCount = 1_000;

/** A pattern that only these bytes match. Source: Redis, KEYS, "glob-style patterns". */
export function escapeGlob(bytes: Buffer): Buffer {
  const special = /[\\*?[\]^-]/g;
  return Buffer.from(bytes.toString('latin1').replace(special, '\\$&'), 'latin1');
}

export interface ScanOptions {
  /** What the keys begin with; empty: anything. */
  readonly prefix: Buffer;
  /** As the TYPE command names it; null: any. */
  readonly type: string | null;
  readonly signal: AbortSignal;
}

type Step = readonly [cursor: string, keys: readonly Buffer[]];

/**
 * About how many keys there will be. Throws for a node of a cluster, whose SCAN would leave out what other nodes have:
 * two keys of different slots are a CROSSSLOT or MOVED there, and nothing to any other server.
 */
async function countExpected(redis: LinkConnection, prefix: Buffer): Promise<number> {
  const probes = ['a', 'b'].map((last) => Buffer.concat([prefix, Buffer.from(last)]));
  const [, count] = await askAll(redis, [['EXISTS', ...probes], ['DBSIZE']]);
  return prefix.length === 0 ? Number(count) : 0;
}

/** Batches of keys, none of them empty. What is there from the start to the end is in it exactly once. */
export async function* scanKeys(
  redis: LinkConnection,
  { prefix, type, signal }: ScanOptions,
): AsyncGenerator<Buffer[]> {
  const args: Argument[] = ['COUNT', scanCount];
  if (prefix.length > 0) args.push('MATCH', Buffer.concat([escapeGlob(prefix), Buffer.from('*')]));
  if (type !== null) args.push('TYPE', type);
  const step = (cursor: string): Promise<Step> => {
    const reply = askAll(redis, [['SCAN', cursor, ...args]]).then(([answer]): Step => {
      const [next, keys] = answer as unknown as readonly [Buffer, readonly Buffer[]];
      return [next.toString('latin1'), keys];
    });
    // It may fail while the keys before it are still worked on, or nobody wants it any more.
    reply.catch(() => undefined);
    return reply;
  };

  const seen = new SeenKeys(await countExpected(redis, prefix));
  try {
    let coming: Promise<Step> | null = step('0');
    while (coming) {
      const [cursor, keys]: Step = await coming;
      signal.throwIfAborted();
      coming = cursor === '0' ? null : step(cursor);
      const fresh = keys.filter((key) => seen.add(key));
      if (fresh.length > 0) yield fresh;
    }
  } finally {
    seen.release();
  }
}
