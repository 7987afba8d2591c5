/**
 * A local Postgres as the host of data links: the `LinkHost` port over the logins of one database. Each call has
 * connections of its own, and what it changes is one transaction.
 */
import type pg from 'pg';
import type { DataLink, LinkChange, LinkReport, LinkUses } from '../../../domain/data-link.ts';
import { AppError } from '../../../domain/errors.ts';
import type { LinkHost, LinkWork, NewLink, RemoteAddress } from '../../../domain/link-host.ts';
import type { Log } from '../../../domain/ports.ts';
import { readLogin, readRemoteUrl } from './address.ts';
import { applyDifference } from './apply.ts';
import { checkWanted, type RemoteConnection, type SocketMaker, withLocal, withRemote } from './connection.ts';
import { findAllDependents } from './dependents.ts';
import { destroyLink } from './destroy.ts';
import { describeNames, findDifference, type WantedLink } from './difference.ts';
import { checkNameFree, getOwnRecord, getRecord } from './find-link.ts';
import { readLocalTypes } from './local-catalog.ts';
import { planShape } from './plan-shape.ts';
import { isSameDatabase } from './probe.ts';
import { describeRecord, type LinkRecord, readRecords } from './records.ts';
import { readRemote } from './remote.ts';
import type { RemoteTable } from './remote-catalog.ts';
import { type OwnerFacts, prepareRights, readOwner } from './rights.ts';
import { qualifiedName } from './saved-views.ts';
import { takeStatistics } from './statistics.ts';

/** A database and its logins. */
export interface LinkHostOptions {
  /** The config var's name, e.g. `DATABASE_URL`. */
  readonly name: string;
  /** The login that owns links; null when none is configured. Secret. */
  readonly ownerUrl: string | null;
  /** The login that clips run with. Secret. */
  readonly clipUrl: string;
  /** Makes the socket of a connection. Default: one of node:net. */
  readonly socket?: SocketMaker;
  readonly log: Log;
}

/** A link as it is to be made what its remote is. */
interface Target extends NewLink {
  readonly record: LinkRecord | null;
}

/** The links of one database. No connection is made before it is needed. */
export function openLinkHost(options: LinkHostOptions): LinkHost {
  return new PostgresLinkHost(options);
}

class PostgresLinkHost implements LinkHost {
  readonly name: string;
  readonly writable: boolean;
  readonly #options: LinkHostOptions;

  constructor(options: LinkHostOptions) {
    this.name = options.name;
    this.writable = options.ownerUrl !== null;
    this.#options = options;
  }

  get #reader(): RemoteAddress {
    return { name: this.name, url: this.#options.clipUrl };
  }

  /** The owner's login, or null. */
  get #owner(): RemoteAddress | null {
    const { ownerUrl } = this.#options;
    return ownerUrl === null ? null : { name: this.name.replace(/_URL$/, '_OWNER_URL'), url: ownerUrl };
  }

  async list(): Promise<readonly DataLink[]> {
    return this.#look(this.#reader, async (client) =>
      (await readRecords(client, null)).map((record) => this.#describe(record)),
    );
  }

  async create(link: NewLink, remote: RemoteAddress, work: LinkWork = {}): Promise<LinkReport> {
    return this.#change(link.name, async (client) => {
      await checkNameFree(client, link.name, null);
      await prepareRights(client, { schema: true, server: true });
      const report = await this.#bring(client, { ...link, record: null }, remote, work);
      const ofShape = report.changes.filter(({ kind }) => kind === 'table' || kind === 'type');
      return { ...report, changes: ofShape };
    });
  }

  async compare(name: string, remote: RemoteAddress, reader: string): Promise<readonly LinkChange[]> {
    const { socket } = this.#options;
    return this.#look(this.#owner ?? this.#reader, async (client) => {
      const record = await getRecord(client, name, reader);
      await checkNameFree(client, name, record);
      return withRemote(remote, socket, async (connection) => {
        // Until they are back, the catalogue has no tables under these names.
        const renamed = describeNames(record);
        if (renamed.length > 0) return renamed;
        const target = { name, schema: record.marker.schema, reader, record };
        const { wanted } = await plan(client, connection, target, remote, record.schema?.owner);
        return (await findDifference(client, wanted, record)).changes;
      });
    });
  }

  async refresh(
    name: string,
    remote: RemoteAddress,
    reader: string,
    work: LinkWork = {},
  ): Promise<LinkReport> {
    return this.#change(name, async (client) => {
      const { record, renamed } = await getOwnRecord(client, name, reader);
      const target = { name, schema: record.marker.schema, reader, record };
      const report = await this.#bring(client, target, remote, work);
      return { ...report, changes: [...renamed, ...report.changes] };
    });
  }

  async uses(name: string): Promise<LinkUses> {
    return this.#look(this.#reader, async (client) => {
      const { schema } = await getRecord(client, name, null);
      if (!schema) return { dependents: [] };
      const { views, others } = await findAllDependents(client, schema.name);
      return {
        dependents: [...views.map((view) => `${view.kind} ${qualifiedName(view)}`).sort(), ...others],
      };
    });
  }

  async destroy(name: string): Promise<void> {
    let most = Number.POSITIVE_INFINITY;
    for (let done = false; !done; ) {
      try {
        done = await this.#change(name, async (client) => {
          const whole = await destroyLink(client, (await getOwnRecord(client, name, null)).record, most);
          await client.query('COMMIT');
          return whole;
        });
      } catch (error) {
        // DROP locks every column that is NOT NULL, from 18 on: a database may have no room for those of all tables.
        if (!(error instanceof AppError) || error.sql?.sqlstate !== '53200' || most === 1) throw error;
        most = Math.ceil(Math.min(most, 128) / 2);
      }
    }
  }

  /** Does the difference and commits it; then statistics. */
  async #bring(
    client: pg.Client,
    target: Target,
    remote: RemoteAddress,
    work: LinkWork,
  ): Promise<LinkReport> {
    const owner = await readOwner(client);
    const done = await withRemote(remote, this.#options.socket, async (connection) => {
      const { wanted, tables, warnings } = await plan(client, connection, target, remote, undefined, work);
      const difference = await findDifference(client, wanted, target.record);
      const now = new Date().toISOString();
      const context = { client, owner, remote: connection, wanted, record: target.record, work, now };
      const applied = await applyDifference(context, difference);
      const link = this.#describe(await getRecord(client, target.name, target.reader));
      await client.query('COMMIT');
      return { link, tables, changes: applied.changes, warnings: [...warnings, ...applied.warnings] };
    });
    const left = await this.#takeStatistics(client, owner, target, done.tables, work);
    return {
      link: done.link,
      changes: done.changes,
      warnings: left === 0 ? done.warnings : [...done.warnings, leftOut(left, target.name)],
    };
  }

  async #takeStatistics(
    client: pg.Client,
    { versionNumber }: OwnerFacts,
    { name }: Target,
    tables: readonly RemoteTable[],
    work: LinkWork,
  ): Promise<number> {
    const left = await takeStatistics(client, { schema: name, versionNumber }, tables, work);
    if (left > 0)
      this.#options.log('info', 'statistics of a link were left out', {
        database: this.name,
        link: name,
        tables: left,
      });
    return left;
  }

  #describe(record: LinkRecord): DataLink {
    const { ownerUrl } = this.#options;
    return describeRecord(record, this.name, ownerUrl === null ? null : readLogin(ownerUrl));
  }

  /** Reads in a transaction that sees one state of the catalogue. */
  async #look<T>(login: RemoteAddress, work: (client: pg.Client) => Promise<T>): Promise<T> {
    return withLocal(login, this.#options.socket, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(sessionSettings);
      return work(client);
    });
  }

  /** Changes a link, apart from all others who would change the same one. The work commits; else all is undone. */
  async #change<T>(name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const { socket } = this.#options;
    const owner = this.#owner;
    if (owner === null)
      throw new AppError(
        'links_read_only',
        `The links of ${this.name} can only be seen: set ${this.name.replace(/_URL$/, '_OWNER_URL')} to the login that owns the database, and start pgclip again.`,
      );
    return withLocal(owner, socket, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE');
      try {
        await client.query(sessionSettings);
        await client.query("SELECT pg_advisory_xact_lock(hashtextextended('pgclip link ' || $1, 0))", [name]);
        await this.#checkOwnerLeadsHere(client, owner);
        return await work(client);
      } catch (error) {
        // So that all is as it was when the answer comes. A connection that is gone has undone it by itself.
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  /** Throws `links_read_only` when the owner's login is one of another database than the one that clips read. */
  async #checkOwnerLeadsHere(client: pg.ClientBase, owner: RemoteAddress): Promise<void> {
    const same = await isSameDatabase(client, (question) =>
      withLocal(this.#reader, this.#options.socket, question),
    );
    if (!same)
      throw new AppError(
        'links_read_only',
        `${owner.name} leads to another database than ${this.name}. Correct it and start pgclip again.`,
      );
  }
}

/** Whatever the login's own settings are. */
const sessionSettings = `SET LOCAL search_path = ''; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s';
  SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL client_min_messages = error`;

/** What the link should be, from the remote as it is now. */
async function plan(
  client: pg.ClientBase,
  connection: RemoteConnection,
  { name, schema, reader }: Target,
  remote: RemoteAddress,
  owner: string | undefined,
  { onProgress, signal }: LinkWork = {},
): Promise<{ wanted: WantedLink; tables: readonly RemoteTable[]; warnings: readonly string[] }> {
  onProgress?.({ step: 'reading the remote', done: 0, total: 0 });
  const { catalog, warnings, noticesCut } = await readRemote(connection, schema);
  const options = readRemoteUrl(remote.url, { noticesCut });
  const { length: total } = catalog.tables;
  onProgress?.({ step: 'reading the remote', done: total, total });
  checkWanted(signal);
  const { shape, warnings: ofShape } = planShape(catalog, await readLocalTypes(client, owner), name);
  const wanted = { name, remote: remote.name, remoteSchema: schema, reader, options, shape };
  return { wanted, tables: catalog.tables, warnings: [...warnings, ...ofShape] };
}

function leftOut(count: number, name: string): string {
  return `Statistics of ${count} ${count === 1 ? 'table' : 'tables'} were left out: they would take long, or the remote did not give them. ANALYZE ${name}.TABLE, run by the owner, takes them.`;
}
