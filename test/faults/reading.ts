/** Reading what clips show, and checking every snapshot against the figures that the API gives of it. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { ClipAnswer, SnapshotAnswer } from '../support/server.ts';
import type { ServerProcess } from './server-process.ts';

/** A body that ended well, without its bytes. */
export interface Digest {
  readonly status: number;
  readonly bytes: number;
  readonly sha256: string;
}

export const codings = ['identity', 'gzip'] as const;
export type Coding = (typeof codings)[number];

/** Reads a path to its end, unpacked. Rejects when the answer is broken off. */
export async function readDigest(
  server: ServerProcess,
  path: string,
  coding: Coding = 'gzip',
): Promise<Digest> {
  const response = await server.fetch(path, { headers: { 'Accept-Encoding': coding } });
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { status: response.status, bytes, sha256: hash.digest('hex') };
}

async function get<T>(server: ServerProcess, path: string): Promise<T> {
  const { status, body, text } = await server.call<T>('GET', path);
  if (status !== 200) throw new Error(`GET answered ${status}: ${text}`);
  return body;
}

export const getClip = (server: ServerProcess, id: string) => get<ClipAnswer>(server, `/api/clips/${id}`);

export async function listSnapshots(
  server: ServerProcess,
  clipId: string,
): Promise<readonly SnapshotAnswer[]> {
  const { snapshots } = await get<{ snapshots: SnapshotAnswer[] }>(server, `/api/clips/${clipId}/snapshots`);
  return snapshots;
}

export async function listClips(server: ServerProcess): Promise<readonly ClipAnswer[]> {
  const clips: ClipAnswer[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { clips: ClipAnswer[]; next: string | null } = await get(
      server,
      `/api/clips${cursor && `?cursor=${encodeURIComponent(cursor)}`}`,
    );
    clips.push(...page.clips);
    cursor = page.next;
  }
  return clips;
}

/** Expects a path to give this snapshot's CSV, whole. */
export async function expectCsv(
  server: ServerProcess,
  path: string,
  { bytes, sha256 }: Pick<SnapshotAnswer, 'bytes' | 'sha256'>,
): Promise<void> {
  for (const coding of codings)
    expect(await readDigest(server, path, coding)).toEqual({ status: 200, bytes, sha256 });
}

/**
 * Expects every snapshot of every clip to be what the API says, at its own URL and, where a clip shows it, at the
 * clip's. Returns how many there are.
 */
export async function verifyAll(server: ServerProcess): Promise<number> {
  let count = 0;
  for (const clip of await listClips(server)) {
    const snapshots = await listSnapshots(server, clip.id);
    for (const snapshot of snapshots)
      await expectCsv(server, `/c/${clip.slug}/s/${snapshot.id}.csv`, snapshot);
    if (clip.mode === 'frozen') {
      expect(snapshots).toContainEqual(clip.snapshot);
      await expectCsv(server, `/c/${clip.slug}.csv`, clip.snapshot as SnapshotAnswer);
    }
    count += snapshots.length;
  }
  return count;
}
