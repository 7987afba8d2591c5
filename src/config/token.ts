/**
 * The API token that pgclip makes for itself when API_TOKEN is absent, kept in `PGCLIP_DIR/token` (0600).
 * Node only.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nanoid } from 'nanoid';

/** The kept token, or null when there is none. */
export async function findToken(dir: string): Promise<string | null> {
  try {
    return (await readFile(join(dir, 'token'), 'utf8')).trim() || null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The kept token; makes and keeps one when there is none. */
export async function findOrMakeToken(dir: string): Promise<{ token: string; made: boolean }> {
  const kept = await findToken(dir);
  if (kept !== null) return { token: kept, made: false };
  const token = nanoid(32);
  await makeDirectory(dir);
  const file = join(dir, 'token');
  // Written aside, so that nobody ever reads half a token.
  const unfinished = `${file}.${process.pid}.new`;
  await writeFile(unfinished, `${token}\n`, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, file).catch(async (error) => {
    await rm(unfinished, { force: true });
    throw error;
  });
  return { token, made: true };
}

/**
 * Makes PGCLIP_DIR. Others may pass through it (the demo's PostgreSQL runs as another account when we are root),
 * but not look into it; each file in it that holds a secret is 0600 by itself.
 */
export async function makeDirectory(dir: string): Promise<void> {
  if (await stat(dir).catch(() => null)) return;
  await mkdir(dir, { recursive: true, mode: 0o711 });
}
