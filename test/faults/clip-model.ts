/**
 * What a clip has to be after everything that was asked of it, kept in the test, and one random act after the other on
 * either of several servers: each answer is compared.
 */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { ClipAnswer, SnapshotAnswer } from '../support/server.ts';
import type { Random } from './random.ts';
import { getClip, listSnapshots } from './reading.ts';
import type { ServerProcess } from './server-process.ts';

/** No two runs give the same. */
const sql = `SELECT n, clock_timestamp() AS at, random() AS value FROM generate_series(1, 50) AS n`;

const acts = ['freeze', 'thaw', 'rotate', 'delete', 'remove', 'rename', 'look'] as const;
type Act = (typeof acts)[number];
/** How often each is done, beside reading. */
const chances: readonly Act[] = [
  ...['freeze', 'freeze', 'freeze', 'thaw', 'rotate', 'rotate', 'delete', 'remove', 'remove'],
  ...['rename', 'look'],
] as Act[];

const readsAfterAct = 6;

/** A clip under test; when it is deleted it goes on with a new one. */
export class ClipModel {
  acts = 0;
  reads = 0;
  readonly #servers: readonly ServerProcess[];
  readonly #random: Random;
  #name = '';
  #id = '';
  #slug = '';
  /** Fingerprints by id. */
  #snapshots = new Map<string, string>();
  /** The one that the clip shows; null while it is live. */
  #shown: string | null = null;
  /** Paths that are dead for ever. */
  readonly #dead: string[] = [];

  constructor(servers: readonly ServerProcess[], random: Random) {
    this.#servers = servers;
    this.#random = random;
  }

  /** One act, and some reads on every server. */
  async step(): Promise<void> {
    if (this.#id === '') await this.#create();
    else await this.#do(this.#random.pick(chances));
    this.acts++;
    if (this.#id === '') return this.#readDead();
    for (let n = 0; n < readsAfterAct; n++) await this.#read();
    await this.#readDead();
  }

  get #server(): ServerProcess {
    return this.#random.pick(this.#servers);
  }

  async #call<T>(status: number, method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.#server.call<T>(method, path, body);
    expect([method, path, answer.status], answer.text).toEqual([method, path, status]);
    return answer.body;
  }

  async #create(): Promise<void> {
    this.#name = `Clip ${this.acts}`;
    const mode = this.#random.pick(['live', 'frozen']);
    const clip = await this.#call<ClipAnswer>(201, 'POST', '/api/clips', { name: this.#name, sql, mode });
    this.#id = clip.id;
    this.#slug = clip.slug;
    this.#snapshots = new Map();
    this.#shown = clip.snapshot?.id ?? null;
    if (clip.snapshot) this.#snapshots.set(clip.snapshot.id, clip.snapshot.sha256);
  }

  async #do(act: Act): Promise<void> {
    const path = `/api/clips/${this.#id}`;
    switch (act) {
      case 'freeze': {
        const { id, sha256 } = await this.#call<SnapshotAnswer>(201, 'POST', `${path}/freeze`);
        this.#snapshots.set(id, sha256);
        this.#shown = id;
        return;
      }
      case 'thaw':
        await this.#call(200, 'POST', `${path}/thaw`);
        this.#shown = null;
        return;
      case 'rotate': {
        const { slug } = await this.#call<ClipAnswer>(200, 'POST', `${path}/rotate`);
        this.#bury();
        this.#slug = slug;
        return;
      }
      case 'delete':
        await this.#call(204, 'DELETE', path);
        this.#bury();
        this.#id = '';
        return;
      case 'remove': {
        const ids = [...this.#snapshots.keys()];
        if (ids.length === 0) return;
        const id = this.#random.pick(ids);
        await this.#call(id === this.#shown ? 409 : 204, 'DELETE', `${path}/snapshots/${id}`);
        if (id === this.#shown) return;
        this.#snapshots.delete(id);
        this.#dead.push(`/c/${this.#slug}/s/${id}`);
        return;
      }
      case 'rename':
        this.#name = `Clip renamed ${this.acts}`;
        await this.#call(200, 'PATCH', path, { name: this.#name });
        return;
      case 'look': {
        const clip = await getClip(this.#server, this.#id);
        expect([clip.name, clip.slug, clip.snapshot?.id ?? null]).toEqual([
          this.#name,
          this.#slug,
          this.#shown,
        ]);
        const listed = await listSnapshots(this.#server, this.#id);
        expect(new Map(listed.map(({ id, sha256 }) => [id, sha256]))).toEqual(this.#snapshots);
      }
    }
  }

  /** Every URL under the slug dies with it. */
  #bury(): void {
    this.#dead.push(
      `/c/${this.#slug}`,
      ...[...this.#snapshots.keys()].map((id) => `/c/${this.#slug}/s/${id}`),
    );
  }

  async #read(): Promise<void> {
    this.reads++;
    const own = [...this.#snapshots];
    const [id, sha256] = own.length > 0 && this.#random.below(3) === 0 ? this.#random.pick(own) : [];
    const path = id ? `/c/${this.#slug}/s/${id}` : `/c/${this.#slug}`;
    const response = await this.#server.fetch(`${path}.csv`);
    const csv = await response.text();
    expect([path, response.status]).toEqual([path, 200]);
    expect(response.headers.get('Content-Disposition')).toContain(this.#name);
    const fingerprint = createHash('sha256').update(csv).digest('hex');
    const right = sha256 ?? (this.#shown && this.#snapshots.get(this.#shown));
    if (right) expect(fingerprint).toBe(right);
    // A live clip has run just now: it shows what no snapshot has.
    else expect([...this.#snapshots.values()]).not.toContain(fingerprint);
  }

  /** The newest dead URLs, on every server, and one of the old ones. */
  async #readDead(): Promise<void> {
    const paths = this.#dead.slice(-2);
    if (this.#dead.length > 0) paths.push(this.#random.pick(this.#dead));
    for (const path of paths) {
      for (const server of this.#servers) {
        const { status } = await server.fetch(`${path}.csv`);
        expect([path, status]).toEqual([path, 404]);
        this.reads++;
      }
    }
  }
}
