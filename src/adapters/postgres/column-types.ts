/**
 * From the type OIDs of a result to columns: names as `format_type` writes them and the kinds that encoders go by,
 * asked from the catalogue. Source: PostgreSQL manual, "pg_type"; which types have a JSON of their own: `to_json`.
 */
import type pg from 'pg';
import type { Column, ColumnKind } from '../../domain/result-set.ts';
import { rawText } from './session.ts';

/** A column as the server describes it. */
export interface Field {
  readonly name: string;
  readonly dataTypeID: number;
  readonly dataTypeModifier: number;
}

type TypeFacts = Pick<Column, 'type' | 'kind' | 'element' | 'delimiter'>;

/** Kinds of built-in types by OID; their OIDs never change. */
const builtInKinds: Readonly<Record<string, ColumnKind>> = {
  16: 'boolean',
  17: 'bytea',
  18: 'text', // "char"
  19: 'text', // name
  20: 'int8',
  21: 'int',
  23: 'int',
  25: 'text',
  114: 'json',
  142: 'xml',
  700: 'float',
  701: 'float',
  705: 'text', // unknown
  1042: 'text', // character
  1043: 'text', // character varying
  1082: 'date',
  1114: 'timestamp',
  1184: 'timestamptz',
  1700: 'numeric',
  2249: 'nested', // record
  3802: 'json', // jsonb
};

/** First OID of types that are not built in: those can be altered, so what is known of them is not kept. */
const firstUserOid = 16384;

/** Per column: its full name, base type behind domains, and the base type of its elements when it is an array. */
const typesQuery = `WITH RECURSIVE asked AS (
  SELECT * FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS a(oid, typmod, n)
), base(n, oid) AS (
  SELECT n, oid FROM asked
  UNION ALL
  SELECT base.n, t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.oid WHERE t.typtype = 'd'
), element(n, oid, delimiter) AS (
  SELECT base.n, t.typelem, e.typdelim FROM base
  JOIN pg_catalog.pg_type t ON t.oid = base.oid AND t.typsubscript = 'pg_catalog.array_subscript_handler'::regproc
  JOIN pg_catalog.pg_type e ON e.oid = t.typelem
  UNION ALL
  SELECT element.n, t.typbasetype, element.delimiter FROM element
  JOIN pg_catalog.pg_type t ON t.oid = element.oid WHERE t.typtype = 'd'
), kind AS (
  SELECT t.oid, t.typtype, t.typcategory, EXISTS (
    SELECT FROM pg_catalog.pg_cast c WHERE c.castsource = t.oid AND c.casttarget = 'json'::regtype
      AND c.castmethod = 'f' AND t.oid >= ${firstUserOid}) AS casts
  FROM pg_catalog.pg_type t WHERE t.typtype <> 'd'
)
SELECT asked.n, pg_catalog.format_type(asked.oid, asked.typmod), b.oid, b.typtype, b.casts,
  e.oid, e.typtype, e.casts, element.delimiter
FROM asked
JOIN base ON base.n = asked.n JOIN kind b ON b.oid = base.oid
LEFT JOIN (element JOIN kind e ON e.oid = element.oid) ON element.n = asked.n
ORDER BY asked.n`;

function kindOf(oid: string, typtype: string, casts: string): Exclude<ColumnKind, 'array'> {
  const builtIn = builtInKinds[oid];
  if (builtIn) return builtIn as Exclude<ColumnKind, 'array'>;
  if (casts === 't' || typtype === 'c') return 'nested';
  if (typtype === 'e') return 'text';
  if (typtype === 'r' || typtype === 'm' || Number(oid) < firstUserOid) return 'other';
  return 'text';
}

/** Knows the types of one database. */
export class ColumnTypes {
  readonly #known = new Map<string, TypeFacts>();

  /** The columns of the fields, in order, asking the server for the types it does not know yet. */
  async columns(client: pg.ClientBase, fields: readonly Field[]): Promise<Column[]> {
    const found = new Map<string, TypeFacts>();
    const missing = new Map<string, Field>();
    for (const field of fields) {
      const key = keyOf(field);
      const facts = this.#known.get(key);
      if (facts) found.set(key, facts);
      else missing.set(key, field);
    }
    if (missing.size > 0) {
      for (const [key, facts] of await this.#ask(client, [...missing.values()])) found.set(key, facts);
    }
    return fields.map((field) => ({ name: field.name, ...(found.get(keyOf(field)) as TypeFacts) }));
  }

  async #ask(client: pg.ClientBase, fields: readonly Field[]): Promise<[string, TypeFacts][]> {
    const result = await client.query<string[]>({
      text: typesQuery,
      values: [fields.map((field) => field.dataTypeID), fields.map((field) => field.dataTypeModifier)],
      rowMode: 'array',
      types: rawText,
    });
    return result.rows.map((row) => {
      const [n, type, oid, typtype, casts, elementOid, elementTyptype, elementCasts, delimiter] =
        row as string[];
      const field = fields[Number(n) - 1] as Field;
      const facts: TypeFacts = elementOid
        ? {
            type: type as string,
            kind: 'array',
            element: kindOf(elementOid, elementTyptype as string, elementCasts as string),
            delimiter: delimiter as string,
          }
        : { type: type as string, kind: kindOf(oid as string, typtype as string, casts as string) };
      const key = keyOf(field);
      if (field.dataTypeID < firstUserOid) this.#known.set(key, facts);
      return [key, facts];
    });
  }
}

function keyOf(field: Field): string {
  return `${field.dataTypeID}:${field.dataTypeModifier}`;
}
