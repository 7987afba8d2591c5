/**
 * What Redis or ioredis answered to a link, as a RedisLinkError. An error reply is known by its code, which is its first
 * word (Redis serialization protocol, "Simple errors"), never by its prose. ioredis keeps a command's arguments on its
 * errors, keys and passwords among them, and Redis repeats them in some messages: neither goes on.
 */
import { ReplyError } from 'ioredis';
import { RedisLinkError, type RedisLinkFailure } from '../../domain/redis-link.ts';

const unreachable = "The link's Redis does not answer. Check that it runs and that its URL leads to it.";
const inCluster =
  "The link's Redis is one node of a Redis Cluster, and this key is on another one. Link a single Redis.";

const replies: Readonly<Record<string, readonly [RedisLinkFailure, string]>> = {
  NOAUTH: ['refused', "The link's Redis asks for a password. Put it into its URL."],
  WRONGPASS: ['refused', "The link's Redis refuses the login or password of its URL."],
  NOPERM: ['denied', "The ACL of the link's Redis denies its login a command or key that this needs."],
  MOVED: ['moved', inCluster],
  ASK: ['moved', inCluster],
  CROSSSLOT: ['moved', inCluster],
  CLUSTERDOWN: ['unreachable', "The Redis Cluster of the link's Redis is down."],
  LOADING: ['unreachable', "The link's Redis is starting. Try again in a moment."],
  MASTERDOWN: ['unreachable', "The link's Redis is a replica that has lost its primary."],
  BUSY: ['unreachable', "The link's Redis is busy with a script. Try again in a moment."],
  READONLY: ['rejected', "The link's Redis is a replica and takes no changes."],
  OOM: ['rejected', "The link's Redis has reached its maxmemory and takes no changes."],
  MISCONF: ['rejected', "The link's Redis cannot write to its disk and takes no changes."],
  WRONGTYPE: ['rejected', 'A key of Redis holds another type than the table has.'],
};

interface RawError extends Error {
  readonly code?: unknown;
  readonly command?: { readonly name?: unknown };
  /** Of an aborted MULTI: the errors of the commands that were refused. */
  readonly previousErrors?: readonly RawError[];
}

const codeOf = (reply: Error) => reply.message.split(' ', 1)[0] ?? '';

/** Whether a reply says that the key holds another type. */
export function isWrongType(error: Error): boolean {
  return error instanceof ReplyError && codeOf(error) === 'WRONGTYPE';
}

/** For an answer that no Redis gives. */
export const notRedis = () =>
  new RedisLinkError('rejected', "What answers at the link's URL is no Redis, or not one that pgclip knows.");

/** The RedisLinkError of what ioredis threw. `fallback`: what the connection failed with, used if it says more. */
export function toLinkError(thrown: unknown, fallback?: Error): RedisLinkError {
  if (thrown instanceof RedisLinkError) return thrown;
  const error = thrown as RawError;
  if (error instanceof ReplyError) {
    const reply = error.previousErrors?.[0] ?? error;
    const code = codeOf(reply);
    const name = typeof reply.command?.name === 'string' ? reply.command.name.toUpperCase() : 'a command';
    const [failure, message] = replies[code] ?? ['rejected', `The link's Redis answered ${code} to ${name}.`];
    return new RedisLinkError(failure, message, new Error(`Redis answered ${code} to ${name}`));
  }
  if (fallback) return toLinkError(fallback);
  const cause = new Error(error.message);
  return new RedisLinkError(
    'unreachable',
    unreachable,
    typeof error.code === 'string' ? Object.assign(cause, { code: error.code }) : cause,
  );
}
