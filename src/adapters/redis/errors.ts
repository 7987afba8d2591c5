/**
 * Redis's and ioredis's errors as AppErrors. An error reply is known by its code, which is its first word
 * (Redis serialization protocol, "Simple errors"), never by its prose. ioredis keeps the command's arguments,
 * slugs and passwords among them, on its errors and Redis repeats them in some messages: neither goes on.
 */
import { ReplyError } from 'ioredis';
import { AppError, type ErrorCode } from '../../domain/errors.ts';

const unreachable =
  'The store does not answer. Check that Redis runs and that REDIS_URL leads to it, then try again.';

const replies: Readonly<Record<string, { code: ErrorCode; message: string }>> = {
  OOM: {
    code: 'store_full',
    message:
      "The store is full: Redis has reached its maxmemory. Delete snapshots or raise Redis's maxmemory.",
  },
  LOADING: { code: 'store_unavailable', message: 'The store is starting. Try again in a moment.' },
  MISCONF: {
    code: 'store_unavailable',
    message: 'The store takes no changes: Redis cannot write to its disk. Its own log says why.',
  },
  READONLY: {
    code: 'store_unavailable',
    message: 'The store takes no changes: REDIS_URL leads to a replica. Point it at the primary.',
  },
  CLUSTERDOWN: { code: 'store_unavailable', message: 'The Redis Cluster of the store is down.' },
  MOVED: {
    code: 'store_unavailable',
    message:
      'REDIS_URL leads to one node of a Redis Cluster. On Node, write it as redis+cluster://; elsewhere point it at a single Redis.',
  },
  NOAUTH: { code: 'store_unavailable', message: 'Redis asks for a password. Put it into REDIS_URL.' },
  WRONGPASS: { code: 'store_unavailable', message: 'Redis refuses the login or password of REDIS_URL.' },
  NOPERM: {
    code: 'store_unavailable',
    message: "Redis's ACL denies the login of REDIS_URL a command or key.",
  },
};

const refused = {
  code: 'store_unavailable',
  message: 'Redis refused a command of the store. The log of the server says which.',
} as const;

interface RawError extends Error {
  readonly code?: unknown;
  readonly command?: { readonly name?: unknown };
  /** Of an aborted MULTI: the errors of the commands that were refused. */
  readonly previousErrors?: readonly RawError[];
}

function withoutArguments(message: string, code: unknown): Error {
  return typeof code === 'string' ? Object.assign(new Error(message), { code }) : new Error(message);
}

/** The AppError of what ioredis threw; an AppError stays as it is. `fallback` is used if it says nothing itself. */
export function toStoreError(thrown: unknown, fallback?: Error): AppError {
  if (thrown instanceof AppError) return thrown;
  const error = thrown as RawError;
  if (error instanceof ReplyError) {
    const reply = error.previousErrors?.[0] ?? error;
    const word = reply.message.split(' ', 1)[0] ?? '';
    const { code, message } = replies[word] ?? refused;
    const command = typeof reply.command?.name === 'string' ? reply.command.name.toUpperCase() : 'a command';
    return new AppError(code, message, {
      cause: withoutArguments(`Redis answered ${word} to ${command}`, word),
    });
  }
  // "Connection is closed" and its like don't tell why; what the connection failed with does.
  if (fallback) return toStoreError(fallback);
  return new AppError('store_unavailable', unreachable, {
    cause: withoutArguments(error.message, error.code),
  });
}
