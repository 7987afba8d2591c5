/**
 * `pgclip verify`: reads every snapshot as anybody would, by its own URL, and compares what came with what the API says
 * of it. Holds no more than a piece of one snapshot; one that does not match keeps no other from being looked at.
 */
import { type Api, type ApiClip, ApiError, type ApiSnapshot, getApi, getServerUrl, request } from './api.ts';
import { CsvCounter, type CsvFigures } from './csv-figures.ts';
import { getClip, listClips } from './find-clip.ts';
import { formatBytes, startProgress } from './progress.ts';
import { minuteOf } from './snapshot-text.ts';
import { cleanText } from './table.ts';
import { CliError, printJson, printLine, type Terminal } from './terminal.ts';

/** What is wrong: its bytes can't be read whole, they are others, or the server does not give them. */
type Problem = 'damaged' | 'different' | 'unreachable';

interface Mismatch {
  readonly clipId: string;
  readonly clip: string;
  /** Null when the snapshot that the clip shows is lost altogether. */
  readonly snapshotId: string | null;
  readonly takenAt: string | null;
  readonly problem: Problem;
  /** In words. */
  readonly detail: string;
}

/** What became of one snapshot; `gone`: it was removed while it was looked at. */
type Verdict = 'same' | 'gone' | Pick<Mismatch, 'problem' | 'detail'>;

/** How often a download is tried that breaks off: a damaged snapshot does so each time, a bad line perhaps once. */
const downloadTries = 2;

/** Compares the snapshots of the clips, or of all. Throws CliError when one does not match. */
export async function verify(
  terminal: Terminal,
  texts: readonly string[],
  options: { json?: boolean },
): Promise<void> {
  const api = await getApi(terminal);
  const mismatches: Mismatch[] = [];
  const seen = { clips: 0, snapshots: 0, bytes: 0 };
  const report = (mismatch: Mismatch) => {
    mismatches.push(mismatch);
    if (!options.json) printLine(terminal, describe(mismatch));
  };
  for await (const clip of chooseClips(api, texts)) {
    seen.clips++;
    if (clip.mode === 'frozen' && clip.snapshot === null) report(lost(clip));
    for (const snapshot of await listSnapshots(api, clip.id)) {
      const verdict = await verifySnapshot(terminal, api, clip, snapshot);
      if (verdict === 'gone') continue;
      seen.snapshots++;
      seen.bytes += snapshot.bytes;
      if (verdict !== 'same') report({ ...placeOf(clip, snapshot), ...verdict });
    }
  }
  const looked = `${count(seen.snapshots, 'snapshot')} of ${count(seen.clips, 'clip')}, ${formatBytes(seen.bytes)}`;
  if (options.json) printJson(terminal, { ...seen, mismatches });
  else if (mismatches.length === 0) printLine(terminal, `${looked}: everything matches`);
  if (mismatches.length > 0)
    throw new CliError(`${looked}: ${count(mismatches.length, 'mismatch', 'mismatches')}.`);
}

async function* chooseClips(api: Api, texts: readonly string[]): AsyncGenerator<ApiClip> {
  if (texts.length === 0) {
    yield* listClips(api);
    return;
  }
  // All of them are found first: a wrong name is told before an hour of reading.
  const named = new Map<string, ApiClip>();
  for (const text of texts) {
    const clip = await getClip(api, text);
    named.set(clip.id, clip);
  }
  yield* named.values();
}

/** Empty for a clip that was removed meanwhile. */
async function listSnapshots(api: Api, clipId: string): Promise<readonly ApiSnapshot[]> {
  try {
    return (await api.call<{ snapshots: ApiSnapshot[] }>('GET', `/clips/${clipId}/snapshots`)).snapshots;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw error;
  }
}

async function verifySnapshot(
  terminal: Terminal,
  api: Api,
  clip: Pick<ApiClip, 'id' | 'slug'>,
  snapshot: ApiSnapshot,
): Promise<Verdict> {
  const verdict = await tryVerify(terminal, clip.slug, snapshot);
  if (verdict !== 'absent') return verdict;
  // Between the list and the download the snapshot may have been removed, or the clip got a new URL.
  if (!(await listSnapshots(api, clip.id)).some(({ id }) => id === snapshot.id)) return 'gone';
  const { slug } = await api.call<ApiClip>('GET', `/clips/${clip.id}`);
  const again = slug === clip.slug ? 'absent' : await tryVerify(terminal, slug, snapshot);
  if (again !== 'absent') return again;
  return { problem: 'unreachable', detail: 'the API lists it, but its URL answers 404' };
}

async function tryVerify(
  terminal: Terminal,
  slug: string,
  snapshot: ApiSnapshot,
): Promise<Verdict | 'absent'> {
  for (let tries = 1; ; tries++) {
    let response: Response | undefined;
    try {
      response = await openCsv(terminal, slug, snapshot.id);
      return compare(await readFigures(terminal, response, snapshot.bytes), snapshot);
    } catch (error) {
      if (terminal.signal.aborted) throw error;
      if (response === undefined) return describeRefusal(error);
      // What fails after the first byte has no other way to say so.
      if (tries === downloadTries) return { problem: 'damaged', detail: 'its download breaks off each time' };
    }
  }
}

/** The server at PGCLIP_URL is the one to verify, whatever origin it writes URLs with. */
function openCsv(terminal: Terminal, slug: string, snapshotId: string): Promise<Response> {
  const init = { signal: terminal.signal, headers: { 'Accept-Encoding': 'gzip' } };
  return request(`${getServerUrl(terminal)}/c/${slug}/s/${snapshotId}.csv`, init);
}

function describeRefusal(error: unknown): Verdict | 'absent' {
  if (!(error instanceof CliError)) throw error;
  if (error instanceof ApiError && error.status === 404) return 'absent';
  const damaged = error instanceof ApiError && error.code === 'snapshot_damaged';
  return { problem: damaged ? 'damaged' : 'unreachable', detail: error.message.replace(/\.$/, '') };
}

async function readFigures(terminal: Terminal, response: Response, bytes: number): Promise<CsvFigures> {
  const progress = startProgress(terminal.stderr, bytes);
  const counter = new CsvCounter();
  try {
    for await (const chunk of response.body ?? []) {
      counter.add(chunk);
      progress.add(chunk.byteLength);
    }
  } finally {
    progress.end();
  }
  return counter.end();
}

function compare(found: CsvFigures, snapshot: ApiSnapshot): Verdict {
  const differences = (['bytes', 'rowCount', 'sha256'] as const)
    .filter((name) => found[name] !== snapshot[name])
    .map((name) => `${name} ${found[name]} instead of ${snapshot[name]}`);
  return differences.length === 0 ? 'same' : { problem: 'different', detail: differences.join(', ') };
}

function placeOf(clip: ApiClip, { id, takenAt }: ApiSnapshot) {
  return { clipId: clip.id, clip: clip.name, snapshotId: id, takenAt };
}

function lost({ id, name }: ApiClip): Mismatch {
  const detail = 'the store has lost the snapshot that the clip shows';
  return { clipId: id, clip: name, snapshotId: null, takenAt: null, problem: 'damaged', detail };
}

function describe({ clipId, clip, snapshotId, takenAt, problem, detail }: Mismatch): string {
  const which = snapshotId && takenAt ? `, snapshot ${snapshotId} of ${minuteOf(takenAt)}` : '';
  return cleanText(`${clip} (${clipId})${which}: ${problem}: ${detail}`);
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}
