/**
 * Scratch space in temporary files that only this process can find: each is unlinked as soon as it is open, so nothing
 * of it is left whatever ends the process. Source: POSIX, unlink() of an open file.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import type { Scratch, ScratchSpace } from '../../domain/ports.ts';

/** Scratch space in `dir`, by default where the system keeps temporary files. */
export function fileScratch(dir = tmpdir()): Scratch {
  return { open: () => new FileSpace(dir) };
}

class FileSpace implements ScratchSpace {
  readonly #dir: string;
  /** Opened by the first bytes: most work needs no file. */
  #file: Promise<OpenFile> | undefined;
  #size = 0;
  #closed = false;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async append(bytes: Uint8Array): Promise<number> {
    if (this.#closed) throw new Error('The scratch space is closed.');
    const start = this.#size;
    this.#size += bytes.length;
    try {
      this.#file ??= openFile(this.#dir);
      const { handle } = await this.#file;
      for (let at = 0; at < bytes.length; ) {
        at += (await handle.write(bytes, at, bytes.length - at, start + at)).bytesWritten;
      }
    } catch (error) {
      throw isFull(error) ? full(error) : error;
    }
    return start;
  }

  async read(start: number, length: number): Promise<Uint8Array> {
    if (!this.#file || this.#closed) throw new Error('The scratch space is closed or empty.');
    const { handle } = await this.#file;
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await handle.read(bytes, at, length - at, start + at);
      if (bytesRead === 0) throw new Error('The scratch space ends too early.');
      at += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // What could not be opened needs no closing.
    const file = await this.#file?.catch(() => undefined);
    await file?.handle.close();
    await file?.remove();
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  /** Removes what could not be removed while it was open. */
  remove(): Promise<void>;
}

async function openFile(dir: string): Promise<OpenFile> {
  const path = join(dir, `pgclip-scratch-${randomUUID()}`);
  const handle = await open(path, 'wx+', 0o600);
  const gone = await unlink(path).then(
    () => true,
    () => false,
  );
  return {
    handle,
    async remove() {
      if (!gone) await unlink(path).catch(() => {});
    },
  };
}

const fullCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && fullCodes.has(error.code);
}

function full(cause: unknown): AppError {
  return new AppError(
    'diff_too_large',
    "There is no room left for temporary files on the server to sort the rows in. Make room (TMPDIR says where), or freeze the clip with its rows in the key's order.",
    { cause },
  );
}
