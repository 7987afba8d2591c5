/**
 * What of others depends on parts of a link: views and materialized views, which can be dropped and made again, and
 * everything else, which stands in the way. Source: PostgreSQL manual, "pg_depend".
 */
import type pg from 'pg';
import { AppError } from '../../../domain/errors.ts';
import { qualifiedName, readViews, type SavedView } from './saved-views.ts';
import type { ShapeStep } from './shape.ts';
import { madeTypeComment } from './shape-sql.ts';

/** An object that is to be dropped or changed: OID of its catalogue, its own, number of its column or 0 for all. */
export interface Seed {
  readonly catalog: 'pg_class' | 'pg_type';
  readonly oid: number;
  readonly column: number;
}

export interface Dependents {
  /** Each after those that it reads itself. */
  readonly views: readonly SavedView[];
  /** What else there is, as people read it: `function public.f()`. */
  readonly others: readonly string[];
}

interface Found {
  /** What it depends on. */
  readonly on: number;
  /** OID of the view whose query or column it is, or null. */
  readonly view: number | null;
  readonly name: string;
}

// Normal dependencies alone: what depends in another way is a part of the object and goes or stays with it. Tables and
// types of the link's own schema that use each other are no concern of others; its shape has steps for them. Rules and
// triggers of a view go with it, and are made again with it.
const dependentsQuery = `SELECT DISTINCT d.refobjid AS on,
    CASE WHEN c.relkind IN ('v', 'm') AND (r.rulename = '_RETURN' OR r.rulename IS NULL) THEN c.oid END AS view,
    (SELECT i.type || ' ' || i.identity FROM pg_identify_object(d.classid, d.objid, d.objsubid) i) AS name
  FROM unnest($1::text[], $2::oid[], $3::int[]) seed(catalog, oid, col)
  JOIN pg_depend d ON d.refclassid = ('pg_catalog.' || seed.catalog)::regclass AND d.refobjid = seed.oid
    AND (seed.col = 0 OR d.refobjsubid = seed.col)
  LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
  LEFT JOIN pg_class c ON c.oid = r.ev_class OR d.classid = 'pg_class'::regclass AND c.oid = d.objid
  WHERE d.deptype = 'n' AND NOT EXISTS (
    SELECT FROM pg_class read WHERE read.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
      AND read.relkind IN ('v', 'm') AND (r.ev_class = read.oid OR EXISTS (
        SELECT FROM pg_trigger t WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND t.tgrelid = read.oid))
  ) AND NOT EXISTS (
    SELECT FROM pg_class own WHERE d.classid = 'pg_class'::regclass AND own.oid = d.objid
      AND own.relkind IN ('f', 'c') AND own.relnamespace = to_regnamespace($4)
  ) AND NOT EXISTS (
    SELECT FROM pg_type own WHERE d.classid = 'pg_type'::regclass AND own.oid = d.objid
      AND own.typnamespace = to_regnamespace($4)
  )`;

/** Everything that depends on these, near and far. `schema` is the link's. */
export async function findDependents(
  client: pg.ClientBase,
  schema: string,
  seeds: readonly Seed[],
): Promise<Dependents> {
  const others = new Set<string>();
  const views = new Map<number, SavedView>();
  /** By view: the views that it reads. */
  const reads = new Map<number, Set<number>>();
  let next = seeds;
  while (next.length > 0) {
    const { rows } = await client.query<Found>(dependentsQuery, [
      next.map((seed) => seed.catalog),
      next.map((seed) => seed.oid),
      next.map((seed) => seed.column),
      `"${schema}"`,
    ]);
    for (const { on, view, name } of rows) {
      if (view === null) others.add(name);
      else reads.set(view, (reads.get(view) ?? new Set()).add(on));
    }
    const fresh = [...reads.keys()].filter((oid) => !views.has(oid));
    const saved = await readViews(client, fresh);
    for (const view of saved) views.set(view.oid, view);
    next = saved.flatMap((view) => seedsOfRelation(view.oid, view.types));
  }
  return { views: inOrder(views, reads), others: [...others].sort() };
}

/** A whole relation with its row type and the array of that. */
export function seedsOfRelation(oid: number, types: readonly number[]): readonly Seed[] {
  const ofTypes = types.map((type) => ({ catalog: 'pg_type' as const, oid: type, column: 0 }));
  return [{ catalog: 'pg_class', oid, column: 0 }, ...ofTypes];
}

function inOrder(
  views: ReadonlyMap<number, SavedView>,
  reads: ReadonlyMap<number, ReadonlySet<number>>,
): readonly SavedView[] {
  const ordered = new Set<SavedView>();
  const visit = (view: SavedView) => {
    if (ordered.has(view)) return;
    for (const oid of reads.get(view.oid) ?? []) {
      // A view may also be found by its row type.
      const other = views.get(oid) ?? [...views.values()].find((each) => each.types.includes(oid));
      if (other && other !== view) visit(other);
    }
    ordered.add(view);
  };
  for (const view of [...views.values()].sort((a, b) => a.oid - b.oid)) visit(view);
  return [...ordered];
}

/** What the dependents are to the steps of a change. */
export interface Affected {
  /** The views of both kinds, each after those that it reads itself. */
  readonly views: readonly SavedView[];
  /** They read something that goes away, and go with it. */
  readonly removed: readonly SavedView[];
  /** They read something that gets another type, and are made again. In the order in which they can be. */
  readonly remade: readonly SavedView[];
  /** What is neither, and in the way. */
  readonly others: readonly string[];
}

interface Relation {
  readonly oid: number;
  readonly name: string;
  readonly types: readonly number[];
  /** Numbers of its columns by name; null for a type. */
  readonly columns: Readonly<Record<string, number>> | null;
}

// Types that others made in the schema have no such comment.
const partsQuery = `SELECT c.oid, c.relname::text AS name, ARRAY[t.oid, t.typarray] AS types,
    (SELECT coalesce(json_object_agg(a.attname, a.attnum), '{}') FROM pg_attribute a
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relname = ANY($2)) AS columns
  FROM pg_class c JOIN pg_type t ON t.oid = c.reltype
  WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'f'
  UNION ALL
  SELECT t.oid, t.typname::text, ARRAY[t.oid, t.typarray], NULL FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE t.typnamespace = to_regnamespace($1) AND (t.typtype IN ('e', 'd') OR t.typtype = 'c' AND c.relkind = 'c')
    AND obj_description(t.oid, 'pg_type') = $3`;

async function readParts(
  client: pg.ClientBase,
  schema: string,
  tables: readonly string[],
): Promise<readonly Relation[]> {
  return (await client.query<Relation>(partsQuery, [`"${schema}"`, [...tables], madeTypeComment])).rows;
}

/** Who is affected by these steps. Reads only. */
export async function findAffected(
  client: pg.ClientBase,
  schema: string,
  steps: readonly ShapeStep[],
): Promise<Affected> {
  const touched = steps.flatMap((step) =>
    'column' in step && typeof step.table === 'string' ? [step.table] : [],
  );
  const parts = await readParts(client, schema, touched);
  const tables = new Map(parts.flatMap((part) => (part.columns ? [[part.name, part] as const] : [])));
  const types = new Map(parts.flatMap((part) => (part.columns ? [] : [[part.name, part] as const])));
  // One that is made anew at once is there again for its views.
  const created = new Set(steps.flatMap((step) => (step.kind === 'create table' ? [step.table.name] : [])));
  const gone: Seed[] = [];
  const retyped: Seed[] = [];
  for (const step of steps) {
    if (step.kind === 'drop table')
      (created.has(step.table) ? retyped : gone).push(...wholeOf(tables.get(step.table)));
    else if (step.kind === 'drop column') gone.push(...columnOf(tables.get(step.table), step.column));
    else if (step.kind === 'retype column') {
      retyped.push(...columnOf(tables.get(step.table), step.column.name));
    } else if (step.kind === 'rename type' || step.kind === 'drop type') {
      retyped.push(...typesOf(types.get(step.type.name)));
    }
  }
  const ofGone = await findDependents(client, schema, gone);
  const all = retyped.length === 0 ? ofGone : await findDependents(client, schema, [...gone, ...retyped]);
  const removed = new Set(ofGone.views.map((view) => view.oid));
  return {
    views: all.views,
    removed: all.views.filter((view) => removed.has(view.oid)),
    remade: all.views.filter((view) => !removed.has(view.oid)),
    others: all.others,
  };
}

const wholeOf = (part: Relation | undefined) => (part ? seedsOfRelation(part.oid, part.types) : []);

const typesOf = (part: Relation | undefined): Seed[] =>
  (part?.types ?? []).map((oid) => ({ catalog: 'pg_type', oid, column: 0 }));

function columnOf(table: Relation | undefined, column: string): Seed[] {
  const number = table?.columns?.[column];
  return table && number !== undefined ? [{ catalog: 'pg_class', oid: table.oid, column: number }] : [];
}

/** Everything that depends on any part of the link. */
export async function findAllDependents(client: pg.ClientBase, schema: string): Promise<Dependents> {
  const parts = await readParts(client, schema, []);
  const seeds = parts.flatMap((part) => (part.columns ? wholeOf(part) : typesOf(part)));
  return findDependents(client, schema, seeds);
}

/** Throws `link_in_use` when something is in the way, saying what and who has to move it. */
export function checkMovable(views: readonly SavedView[], others: readonly string[], login: string): void {
  const sentences: string[] = [];
  if (others.length > 0) {
    sentences.push(
      `${others.join(', ')} ${others.length === 1 ? 'needs' : 'need'} what has to change, and pgclip does not touch that: drop or change ${others.length === 1 ? 'it' : 'them'} yourself first.`,
    );
  }
  for (const view of views.filter(({ actable }) => !actable)) {
    sentences.push(
      `${view.kind} ${qualifiedName(view)} belongs to ${view.owner}, for whom ${login} may not act: have ${view.owner} drop it, or an administrator run GRANT "${view.owner}" TO "${login}";`,
    );
  }
  if (sentences.length > 0) throw new AppError('link_in_use', sentences.join(' '));
}
