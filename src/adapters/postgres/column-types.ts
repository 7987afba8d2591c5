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
  /** OID of the table and number of the column that it is as it stands there; 0 when it is computed. */
  readonly tableID: number;
  readonly columnID: number;
}

type Shape = Pick<Column, 'kind' | 'element' | 'elementArray' | 'delimiter'>;
type TypeFacts = Shape & Pick<Column, 'type'>;

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

/**
 * Per column and level: its full name and the base type behind domains of, at level 0, the column, at level 1, its
 * elements when it is an array, at level 2, theirs when those are arrays of their own, and so on.
 */
const typesQuery = `WITH RECURSIVE asked AS (
  SELECT * FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS a(oid, typmod, n)
), found(n, level, oid, delimiter) AS (
  SELECT n, 0, oid, NULL::"char" FROM asked
  UNION ALL
  SELECT found.n, found.level + (t.typtype <> 'd')::int,
    CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,
    CASE t.typtype WHEN 'd' THEN found.delimiter ELSE e.typdelim END
  FROM found JOIN pg_catalog.pg_type t ON t.oid = found.oid LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
  WHERE t.typtype = 'd' OR t.typsubscript = 'pg_catalog.array_subscript_handler'::regproc
)
SELECT found.n, pg_catalog.format_type(asked.oid, asked.typmod), t.oid, t.typtype, found.delimiter, EXISTS (
  SELECT FROM pg_catalog.pg_cast c WHERE c.castsource = t.oid AND c.casttarget = 'json'::regtype
    AND c.castmethod = 'f' AND t.oid >= ${firstUserOid})
FROM found JOIN asked ON asked.n = found.n
JOIN pg_catalog.pg_type t ON t.oid = found.oid AND t.typtype <> 'd'
ORDER BY found.n, found.level`;

/** One row of its answer. */
interface Level {
  readonly type: string;
  readonly oid: string;
  readonly typtype: string;
  /** Between elements of this type. */
  readonly delimiter: string;
  /** `t` when it has a cast to json. */
  readonly casts: string;
}

function kindOf({ oid, typtype, casts }: Level): Exclude<ColumnKind, 'array'> {
  const builtIn = builtInKinds[oid];
  if (builtIn) return builtIn as Exclude<ColumnKind, 'array'>;
  if (casts === 't' || typtype === 'c') return 'nested';
  if (typtype === 'e') return 'text';
  if (typtype === 'r' || typtype === 'm' || Number(oid) < firstUserOid) return 'other';
  return 'text';
}

/** What the levels of one column are together. */
function shapeOf([outer, ...elements]: readonly [Level, ...Level[]]): Shape {
  const [first, ...deeper] = elements;
  if (!first) return { kind: kindOf(outer) };
  const { delimiter } = first;
  if (deeper.length === 0) return { kind: 'array', element: kindOf(first), delimiter };
  const { kind: _, ...elementArray } = shapeOf([first, ...deeper]);
  return { kind: 'array', elementArray, delimiter };
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
    const levels = fields.map((): Level[] => []);
    for (const row of result.rows) {
      const [n, type, oid, typtype, delimiter, casts] = row as [
        string,
        string,
        string,
        string,
        string,
        string,
      ];
      levels[Number(n) - 1]?.push({ type, oid, typtype, delimiter, casts });
    }
    return fields.map((field, index) => {
      const own = levels[index] as [Level, ...Level[]];
      const facts: TypeFacts = { type: own[0].type, ...shapeOf(own) };
      const key = keyOf(field);
      if (field.dataTypeID < firstUserOid) this.#known.set(key, facts);
      return [key, facts];
    });
  }
}

function keyOf(field: Field): string {
  return `${field.dataTypeID}:${field.dataTypeModifier}`;
}
