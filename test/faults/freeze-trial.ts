/**
 * One freeze after the other, each struck at a moment of its course, and what must hold afterwards: the clip is as it
 * was, or shows the whole new snapshot; nothing in between, and nothing else has changed. Each freeze sees other rows
 * than the ones before, and what its CSV has to be is worked out here, without pgclip.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { executeSql } from '../support/postgres.ts';
import type { ClipAnswer, SnapshotAnswer } from '../support/server.ts';
import type { Random } from './random.ts';
import { expectCsv, getClip, listClips, listSnapshots } from './reading.ts';
import type { ServerProcess } from './server-process.ts';

const rowCount = 100_000;
const hashes = Array.from({ length: rowCount }, (_, n) =>
  createHash('md5')
    .update(String(n + 1))
    .digest('hex'),
);

/** The condition is true, and work: Postgres writes its rows for as long as the freeze takes. */
const sql = `SELECT n, (SELECT generation FROM source) AS generation, md5(n::text) AS hash
  FROM generate_series(1, ${rowCount}) AS n WHERE sha512(repeat(n::text, 300)::bytea) IS NOT NULL`;

/** The CSV of that query. */
function expectedCsv(generation: number): { bytes: number; sha256: string } {
  const lines = hashes.map((hash, n) => `${n + 1},${generation},${hash}\n`);
  const csv = `n,generation,hash\n${lines.join('')}`;
  return { bytes: csv.length, sha256: createHash('sha256').update(csv).digest('hex') };
}

/** Statements for the database that the server's clips run against. */
export const trialSetup = ['CREATE TABLE source (generation int)', 'INSERT INTO source VALUES (0)'];

/** Where the freezes are asked for, and who may set what they see. */
export interface TrialPlace {
  readonly server: ServerProcess;
  /** The database of the clips, for a login that may write. */
  readonly ownerUrl: string;
}

export interface Strike {
  /** Called right before the asking. */
  prepare?(): Promise<unknown>;
  /** When, in milliseconds from the asking. */
  readonly atMs: number;
  /** Does the harm. */
  harm(): Promise<unknown>;
  /** Makes good again what was harmed; the server answers when it resolves. */
  recover(): Promise<unknown>;
  /** Codes of the problems that the freeze may be answered with; a broken connection is always possible. */
  readonly codes: readonly string[];
  /** True where the store may lose what it has answered; the clip is then as it was. Default false. */
  readonly mayForget?: boolean;
  /** True where the store is not harmed: after a problem the clip is as it was. Default false. */
  readonly storeKnows?: boolean;
}

/** What became of the freezes, for people. */
export interface Tally {
  answered: number;
  before: number;
  after: number;
}

/** Moments of a freeze's whole course and shortly after it, in milliseconds from the asking. */
export function momentsOf(random: Random, count: number, lengthMs: number): number[] {
  return random.spread(count).map((moment) => moment * 1.3 * lengthMs);
}

/** The tally as a line. */
export function describeTally({ before, after, answered }: Tally, lengthMs: number): string {
  const freezes = `${before + after} struck freezes of about ${Math.round(lengthMs)} ms`;
  return `${freezes}: ${before} as before, ${after} as the new snapshot (${answered} answered 201)`;
}

const kinds = ['freeze anew', 'freeze a live clip', 'create frozen'] as const;
type Kind = (typeof kinds)[number];

/** The clip before the strike; null for one that was not there. */
type Before = { readonly clip: ClipAnswer; readonly snapshots: readonly SnapshotAnswer[] } | null;

/** What a clip is, wherever it is asked for. */
function withoutUrls<T>(value: T): T {
  return JSON.parse(JSON.stringify(value, (key, member) => (key === 'url' ? undefined : member)));
}

/** So many were struck by all trials of this process: no two freezes see the same rows. */
let generations = 0;

export class FreezeTrial {
  readonly tally: Tally = { answered: 0, before: 0, after: 0 };
  readonly #place: TrialPlace;
  #generation = 0;
  #frozen = '';
  #live = '';
  #bystander: ClipAnswer | undefined;

  private constructor(place: TrialPlace) {
    this.#place = place;
  }

  /** Saves the clips. */
  static async open(place: TrialPlace): Promise<FreezeTrial> {
    const trial = new FreezeTrial(place);
    const save = async (name: string, mode: string) => {
      const saved = await place.server.call<ClipAnswer>('POST', '/api/clips', { name, sql, mode });
      expect(saved.status, saved.text).toBe(201);
      return saved.body;
    };
    trial.#bystander = await save('Bystander', 'frozen');
    trial.#frozen = (await save('Frozen', 'frozen')).id;
    trial.#live = (await save('Live', 'live')).id;
    return trial;
  }

  /**
   * How long a freeze takes that nothing happens to, in milliseconds. `prepare` puts everything into the state in which
   * the freezes will find it.
   */
  async measure(prepare: () => Promise<unknown> = async () => {}): Promise<number> {
    const path = `/api/clips/${this.#frozen}/freeze`;
    const times: number[] = [];
    for (let n = 0; n < 3; n++) {
      await prepare();
      const askedMs = performance.now();
      const { status, text } = await this.#place.server.call('POST', path);
      expect(status, text).toBe(201);
      times.push(performance.now() - askedMs);
    }
    return times.sort((a, b) => a - b)[1] as number;
  }

  /** One freeze that is struck, and the judgement; `witness` reads, default the server itself. */
  async strike(strike: Strike, witness: ServerProcess = this.#place.server): Promise<void> {
    const { server, ownerUrl } = this.#place;
    this.#generation = ++generations;
    await executeSql(ownerUrl, `UPDATE source SET generation = ${this.#generation}`);
    const kind = kinds[this.#generation % kinds.length] as Kind;
    const before = await this.#look(kind);
    const [path, body] = this.#request(kind);
    await strike.prepare?.();
    const asked = server.call<ClipAnswer & SnapshotAnswer & { code: string }>('POST', path, body).then(
      (answer) => answer,
      () => null,
    );
    await delay(strike.atMs);
    await strike.harm();
    const answer = await asked;
    await strike.recover();
    if (answer && answer.status !== 201) expect(strike.codes).toContain(answer.body?.code);
    const answered = answer?.status === 201;
    const shown = await this.#judge(kind, before, witness);
    if (answered && !strike.mayForget) {
      const given = kind === 'create frozen' ? answer.body.snapshot?.id : answer.body.id;
      expect(shown?.id, 'what was answered with 201 is there').toBe(given);
    }
    if (answer && !answered && strike.storeKnows)
      expect(shown, 'the freeze was said to have failed').toBeNull();
    if (answered) this.tally.answered++;
    this.tally[shown ? 'after' : 'before']++;
  }

  #request(kind: Kind): [path: string, body: unknown] {
    if (kind === 'create frozen')
      return ['/api/clips', { name: `Generation ${this.#generation}`, sql, mode: 'frozen' }];
    return [`/api/clips/${kind === 'freeze anew' ? this.#frozen : this.#live}/freeze`, undefined];
  }

  async #look(kind: Kind): Promise<Before> {
    const { server } = this.#place;
    if (kind === 'create frozen') return null;
    const id = kind === 'freeze anew' ? this.#frozen : this.#live;
    if (kind === 'freeze a live clip')
      expect((await server.call('POST', `/api/clips/${id}/thaw`)).status).toBe(200);
    return { clip: await getClip(server, id), snapshots: await listSnapshots(server, id) };
  }

  /** The new snapshot when the clip shows it, null when everything is as before. */
  async #judge(kind: Kind, before: Before, witness: ServerProcess): Promise<SnapshotAnswer | null> {
    const bystander = this.#bystander as ClipAnswer;
    expect(withoutUrls(await getClip(witness, bystander.id))).toEqual(withoutUrls(bystander));
    await expectCsv(witness, `/c/${bystander.slug}.csv`, bystander.snapshot as SnapshotAnswer);

    const name = `Generation ${this.#generation}`;
    const clip = before
      ? await getClip(witness, before.clip.id)
      : (await listClips(witness)).find((each) => each.name === name);
    if (!clip) return null;
    const known = before?.snapshots ?? [];
    const snapshots = await listSnapshots(witness, clip.id);
    const added = snapshots.filter(({ id }) => !known.some((each) => each.id === id));
    if (before && added.length === 0) {
      expect(withoutUrls(clip)).toEqual(withoutUrls(before.clip));
      expect(withoutUrls(snapshots)).toEqual(withoutUrls(known));
      if (clip.snapshot) await expectCsv(witness, `/c/${clip.slug}.csv`, clip.snapshot);
      return null;
    }
    expect(
      added.map(({ id }) => id),
      `${kind}: one more snapshot, and the clip shows it`,
    ).toEqual([clip.snapshot?.id]);
    expect(snapshots).toHaveLength(known.length + 1);
    const expected = expectedCsv(this.#generation);
    expect(clip).toMatchObject({ mode: 'frozen', snapshot: expected });
    await expectCsv(witness, `/c/${clip.slug}.csv`, expected);
    return clip.snapshot;
  }
}
