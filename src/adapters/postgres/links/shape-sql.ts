/**
 * SQL of the steps that change a link's shape. Texts of types and collations come from the local catalogue or are
 * quoted already; every name and literal is quoted here.
 */
import pg from 'pg';
import type { ShapeAttribute, ShapeColumn, ShapeStep, ShapeTable, ShapeType } from './shape.ts';

/** Where a link's tables are, and where they come from. Names are not quoted. */
export interface LinkPlace {
  readonly schema: string;
  readonly server: string;
  readonly remoteSchema: string;
}

/** Comment of the types that are made for a link: other types of its schema are someone else's. */
export const madeTypeComment = 'pgclip data link: a type of the remote';

const quote = pg.escapeIdentifier;

/** The statements of a step, to be run one after the other. */
export function stepSql(step: ShapeStep, link: LinkPlace): string[] {
  const within = (name: string) => `${quote(link.schema)}.${quote(name)}`;
  switch (step.kind) {
    case 'create type':
      return [
        `CREATE ${typeSql(step.type, within(step.type.name))}`,
        `COMMENT ON ${objectOf(step.type)} ${within(step.type.name)} IS ${pg.escapeLiteral(madeTypeComment)}`,
      ];
    case 'rename type':
      return [`ALTER ${objectOf(step.type)} ${within(step.type.name)} RENAME TO ${quote(step.to)}`];
    case 'drop type':
      return [`DROP ${objectOf(step.type)} ${within(step.type.name)}`];
    case 'add label': {
      const before = step.before === null ? '' : ` BEFORE ${pg.escapeLiteral(step.before)}`;
      return [`ALTER TYPE ${within(step.type)} ADD VALUE ${pg.escapeLiteral(step.label)}${before}`];
    }
    case 'create table':
      return createTable(step.table, within(step.table.name), link);
    case 'drop table':
      return [`DROP FOREIGN TABLE ${within(step.table)}`];
    case 'comment table':
      return [commentSql(`FOREIGN TABLE ${within(step.table)}`, step.comment)];
    default:
      return columnSql(step, within(step.table));
  }
}

type ColumnStep = Extract<ShapeStep, { column: unknown }>;

function columnSql(step: ColumnStep, table: string): string[] {
  const alter = `ALTER FOREIGN TABLE ${table}`;
  switch (step.kind) {
    case 'add column':
      return [
        `${alter} ADD COLUMN ${definition(step.column)}${step.column.notNull ? ' NOT NULL' : ''}`,
        ...columnComments(table, [step.column]),
      ];
    case 'drop column':
      return [`${alter} DROP COLUMN ${quote(step.column)}`];
    case 'retype column': {
      const { name, ...type } = step.column;
      return [`${alter} ALTER COLUMN ${quote(name)} TYPE ${collated(type)}`];
    }
    case 'set not null':
      return [`${alter} ALTER COLUMN ${quote(step.column)} SET NOT NULL`];
    case 'drop not null':
      return [`${alter} ALTER COLUMN ${quote(step.column)} DROP NOT NULL`];
    case 'comment column':
      return [commentSql(`COLUMN ${table}.${quote(step.column)}`, step.comment)];
  }
}

function createTable(table: ShapeTable, name: string, link: LinkPlace): string[] {
  const columns = table.columns.map((each) => `  ${definition(each)}${each.notNull ? ' NOT NULL' : ''}`);
  return [
    `CREATE FOREIGN TABLE ${name} (\n${columns.join(',\n')}\n) SERVER ${quote(link.server)} OPTIONS (schema_name ${pg.escapeLiteral(link.remoteSchema)}, table_name ${pg.escapeLiteral(table.name)})`,
    ...(table.comment === null ? [] : [commentSql(`FOREIGN TABLE ${name}`, table.comment)]),
    ...columnComments(name, table.columns),
  ];
}

function columnComments(table: string, columns: readonly ShapeColumn[]): string[] {
  return columns
    .filter(({ comment }) => comment !== null)
    .map(({ name, comment }) => commentSql(`COLUMN ${table}.${quote(name)}`, comment));
}

function commentSql(object: string, comment: string | null): string {
  return `COMMENT ON ${object} IS ${comment === null ? 'NULL' : pg.escapeLiteral(comment)}`;
}

function objectOf({ kind }: ShapeType): 'DOMAIN' | 'TYPE' {
  return kind === 'domain' ? 'DOMAIN' : 'TYPE';
}

function typeSql(type: ShapeType, name: string): string {
  switch (type.kind) {
    case 'enum':
      return `TYPE ${name} AS ENUM (${type.labels.map((label) => pg.escapeLiteral(label)).join(', ')})`;
    case 'domain':
      return `DOMAIN ${name} AS ${collated({ type: type.base, collation: type.collation })}`;
    case 'composite':
      return `TYPE ${name} AS (${type.attributes.map(definition).join(', ')})`;
  }
}

function definition(attribute: ShapeAttribute): string {
  return `${quote(attribute.name)} ${collated(attribute)}`;
}

function collated({ type, collation }: Pick<ShapeAttribute, 'type' | 'collation'>): string {
  return collation === null ? type : `${type} COLLATE ${collation}`;
}
