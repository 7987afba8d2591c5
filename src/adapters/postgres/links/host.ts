/**
 * A local Postgres as the host of data links: the `LinkHost` port over the logins of one database. Each call has
 * connections of its own, and what it changes is one transaction.
 */
import type pg from 'pg';
import type { DataLink, LinkChange, LinkReport, LinkUses } from '../../../domain/data-link.ts';
import { AppError } from '../../../domain/errors.ts';
import {
  isRedisRemote,
  type LinkHost,
  type LinkRemote,
  type LinkWork,
  type NewLink,
  type RemoteAddress,
} from '../../../domain/link-host.ts';
import type { Log } from '../../../domain/ports.ts';
import { readLogin, readRemoteUrl } from './address.ts';
import { applyDifference } from './apply.ts';
import { checkWanted, type RemoteConnection, withRemote } from './connection.ts';
import { findAllDependents } from './dependents.ts';
import { destroyLink } from './destroy.ts';
import { describeNames, findDifference, type WantedLink } from './difference.ts';
import { checkNameFree, getOwnRecord, getRecord } from './find-link.ts';
import { HostLogins, type HostLoginsOptions } from './host-logins.ts';
import { readLocalTypes } from './local-catalog.ts';
import { planShape } from './plan-shape.ts';
import { describeRecord, type LinkRecord, readRecords } from './records.ts';
import { applyRedis, compareRedis, getRedisRemote } from './redis/apply.ts';
import { destroyRedis, findRedisDependents } from './redis/destroy.ts';
import { readRemote } from './remote.ts';
import type { RemoteTable } from './remote-catalog.ts';
import { type OwnerFacts, prepareRights, readOwner } from './rights.ts';
import { qualifiedName } from './saved-views.ts';
import { takeStatistics } from './statistics.ts';

/** A database and its logins. */
export interface LinkHostOptions extends HostLoginsOptions {
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
  readonly #logins: HostLogins;

  constructor(options: LinkHostOptions) {
    this.name = options.name;
    this.writable = options.ownerUrl !== null;
    this.#options = options;
    this.#logins = new HostLogins(options);
  }

  async list(): Promise<readonly DataLink[]> {
    return this.#logins.look(this.#logins.reader, async (client) =>
      (await readRecords(client, null)).map((record) => this.#describe(record)),
    );
  }

  async create(link: NewLink, remote: LinkRemote, work: LinkWork = {}): Promise<LinkReport> {
    return this.#logins.change(link.name, async (client) => {
      await checkNameFree(client, link.name, null);
      if (!isRedisRemote(remote)) await prepareRights(client, { schema: true, server: true });
      const report = await this.#bringAny(client, { ...link, record: null }, remote, work);
      const ofShape = report.changes.filter(({ kind }) => kind === 'table' || kind === 'type');
      return { ...report, changes: ofShape };
    });
  }

  async compare(name: string, remote: LinkRemote, reader: string): Promise<readonly LinkChange[]> {
    const { socket } = this.#options;
    return this.#logins.look(this.#logins.owner ?? this.#logins.reader, async (client) => {
      const record = await getRecord(client, name, reader);
      await checkNameFree(client, name, record);
      if (record.marker.redis) {
        const renamed = describeNames(record);
        return renamed.length > 0
          ? renamed
          : compareRedis(client, {
              ...{ database: this.name, name, reader, record },
              ...{ remote: getRedisRemote(remote), access: record.marker.redis },
            });
      }
      const address = getAddress(remote);
      return withRemote(address, socket, async (connection) => {
        // Until they are back, the catalogue has no tables under these names.
        const renamed = describeNames(record);
        if (renamed.length > 0) return renamed;
        const target = { name, schema: record.marker.schema, reader, record };
        const { wanted } = await plan(client, connection, target, address, record.schema?.owner);
        return (await findDifference(client, wanted, record)).changes;
      });
    });
  }

  async refresh(name: string, remote: LinkRemote, reader: string, work: LinkWork = {}): Promise<LinkReport> {
    return this.#logins.change(name, async (client) => {
      const { record, renamed } = await getOwnRecord(client, name, reader);
      const target = { name, schema: record.marker.schema, reader, record };
      const report = await this.#bringAny(client, target, remote, work);
      return { ...report, changes: [...renamed, ...report.changes] };
    });
  }

  async uses(name: string): Promise<LinkUses> {
    return this.#logins.look(this.#logins.reader, async (client) => {
      const { schema, marker } = await getRecord(client, name, null);
      if (!schema) return { dependents: [] };
      const find = marker.redis ? findRedisDependents : findAllDependents;
      const { views, others } = await find(client, schema.name);
      return {
        dependents: [...views.map((view) => `${view.kind} ${qualifiedName(view)}`).sort(), ...others],
      };
    });
  }

  async destroy(name: string): Promise<void> {
    let most = Number.POSITIVE_INFINITY;
    for (let done = false; !done; ) {
      try {
        done = await this.#logins.change(name, async (client) => {
          const { record } = await getOwnRecord(client, name, null);
          const whole = record.marker.redis
            ? await destroyRedis(client, record).then(() => true)
            : await destroyLink(client, record, most);
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

  /** Brings a link to what its remote is, whatever that is, and commits. */
  async #bringAny(
    client: pg.Client,
    target: Target,
    remote: LinkRemote,
    work: LinkWork,
  ): Promise<LinkReport> {
    const redis = target.record ? target.record.marker.redis : target.redis;
    if (!redis && !isRedisRemote(remote)) return this.#bring(client, target, remote, work);
    if (!redis && target.record) getAddress(remote);
    const access = redis ?? { prefix: '', writable: false };
    const redisTarget = { ...target, database: this.name, remote: getRedisRemote(remote), access };
    const applied = await applyRedis(client, redisTarget, work);
    const link = this.#describe(await getRecord(client, target.name, target.reader));
    await client.query('COMMIT');
    return { link, ...applied };
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
}

/** The remote as a Postgres. Throws `remote_refused` when its config var holds a Redis by now. */
function getAddress(remote: LinkRemote): RemoteAddress {
  if (!isRedisRemote(remote)) return remote;
  throw new AppError(
    'remote_refused',
    `The link shows a Postgres, and ${remote.name} holds a Redis now. Give it back its Postgres, or remove the link.`,
  );
}

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
