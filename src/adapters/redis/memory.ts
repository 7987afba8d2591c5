/** How much Redis holds and may hold, and the error of one that is full. */
import { AppError } from '../../domain/errors.ts';
import { formatBytes } from '../store-problems.ts';
import { type AnyClient, primariesOf } from './client.ts';
import { readInfo, type ServerInfo } from './info.ts';

/** In bytes; `maxBytes` null: as much as there is. */
export interface MemoryUse {
  readonly usedBytes: number;
  readonly maxBytes: number | null;
}

/** What INFO says of it. */
export function memoryUse(info: ServerInfo): MemoryUse {
  return { usedBytes: Number(info.used_memory ?? 0), maxBytes: Number(info.maxmemory ?? 0) || null };
}

/** How full, from 0 to 1 and a little more. */
export const fullness = ({ usedBytes, maxBytes }: MemoryUse) =>
  maxBytes === null ? 0 : usedBytes / maxBytes;

/** The same error with the sizes of the fullest server in it, where they are to be had. */
export async function storeFull(client: AnyClient, error: AppError): Promise<AppError> {
  let uses: MemoryUse[];
  try {
    uses = await Promise.all(primariesOf(client).map(async (server) => memoryUse(await readInfo(server))));
  } catch {
    return error;
  }
  const [fullest] = uses.toSorted((one, other) => fullness(other) - fullness(one));
  if (!fullest?.maxBytes) return error;
  const { usedBytes, maxBytes } = fullest;
  return new AppError(
    error.code,
    `The store is full: Redis holds ${formatBytes(usedBytes)}, and its maxmemory is ${formatBytes(maxBytes)}. Delete snapshots or raise Redis's maxmemory.`,
    { cause: error.cause },
  );
}
