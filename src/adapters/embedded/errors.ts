/** SQLite's errors as AppErrors, by their result codes. Source: SQLite manual, "Result and Error Codes". */
import { AppError, type ErrorCode } from '../../domain/errors.ts';
import { clipExists } from '../store-order.ts';

const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;

const results: Readonly<Record<number, { code: ErrorCode; message: string }>> = {
  [SQLITE_BUSY]: {
    code: 'store_unavailable',
    message: 'The store file is in use by another program. Try again in a moment.',
  },
  [SQLITE_READONLY]: {
    code: 'store_unavailable',
    message: 'The store file cannot be written to. Give the server the right to write into PGCLIP_DIR.',
  },
  [SQLITE_CORRUPT]: {
    code: 'store_unavailable',
    message: 'The store file is damaged. Put a backup in its place.',
  },
  [SQLITE_FULL]: {
    code: 'store_full',
    message: 'The store is full. Delete snapshots or make room on its disk.',
  },
  [SQLITE_NOTADB]: {
    code: 'store_unavailable',
    message: 'The store file is not a SQLite database. Move it away or set another PGCLIP_DIR.',
  },
};

const unavailable = {
  code: 'store_unavailable',
  message: 'The store file cannot be used. The log of the server says why.',
} as const;

/** The AppError of what node:sqlite threw; an AppError stays as it is. */
export function toStoreError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const error = thrown as Error & { readonly errcode?: unknown };
  if (typeof error.errcode !== 'number')
    return new AppError(unavailable.code, unavailable.message, { cause: error });
  // The low byte is the kind of error, what is above it only refines it.
  const primary = error.errcode & 0xff;
  if (primary === SQLITE_CONSTRAINT) return clipExists();
  const { code, message } = results[primary] ?? unavailable;
  return new AppError(code, message, { cause: error });
}

/** Runs work on the database, which is synchronous, as a promise; what it throws becomes an AppError. */
export async function attempt<T>(work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error);
  }
}
