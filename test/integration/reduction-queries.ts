/**
 * Random queries that join a stand-in for a Redis relation (an ordinary table with the same columns) with tables: what
 * the reduction may see, right, wrong and in between. A seed makes the same queries again.
 */

import { type Source, SourceMaker } from './reduction-sources.ts';

export class QueryMaker extends SourceMaker {
  /** One query; its result does not depend on the plan. */
  query(): string {
    const shape = this.one(
      ...['join', 'join', 'join', 'join', 'where', 'where', 'nested', 'nested', 'exists', 'in', 'scalar'],
      ...['lateral', 'union', 'cte', 'derived', 'twice', 'or', 'prefix', 'bare', 'bare'],
      ...['fails', 'using', 'using', 'nestedLateral', 'nestedLateral', 'pairs', 'pairs', 'inside', 'inside'],
    );
    const make = this.#shapes[shape] as (source: Source) => string;
    if (shape === 'pairs') return make({ from: '', alias: '' });
    const source = this.source();
    const [first, rest] = [source.with ? `WITH ${source.with} ` : '', make(source)];
    // A shape with a CTE of its own brings WITH too.
    return rest.startsWith('WITH ') && first !== '' ? `${first.trimEnd()}, ${rest.slice(5)}` : first + rest;
  }

  readonly #shapes: Readonly<Record<string, (source: Source) => string>> = {
    join: (s) => {
      // A join on the right side is in brackets.
      const tables = s.other ? `(${s.from})` : s.from;
      const redis = `${this.#redis()} r`;
      const sides = this.one([s.from, redis], [s.from, redis], [redis, tables]);
      return `SELECT ${this.#columns(s)}, r.key, r.value FROM ${sides[0]} ${this.#joinWord()} ${sides[1]} ON ${this.#on(s)}${this.#where(s)}`;
    },
    where: (s) =>
      `SELECT ${this.#columns(s)}, r.value FROM ${s.from}, ${this.#redis()} r WHERE ${this.#on(s)}${this.maybe(0.5, () => ` AND ${this.filter(s)}`)}`,
    nested: (s) => {
      const inner = `${s.from} ${this.#joinWord()} ${this.#redis()} r ON ${this.#on(s)}`;
      const on = this.one(
        `z.id::text = r.value`,
        `z.id = ${s.alias}.id`,
        `z.slug = r.key`,
        `z.size = ${s.alias}.stock`,
      );
      const sides = this.one([`shops z`, `(${inner})`], [`(${inner})`, `shops z`]);
      return `SELECT z.slug, ${this.#columns(s)}, r.value FROM ${sides[0]} ${this.#joinWord()} ${sides[1]} ON ${on}${this.#where(s)}`;
    },
    exists: (s) =>
      `SELECT ${this.#columns(s)} FROM ${s.from} WHERE ${this.one('', 'NOT ')}EXISTS (SELECT FROM ${this.#redis()} r WHERE ${this.#on(s)})${this.maybe(0.6, () => ` ${this.one('AND', 'AND', 'OR')} ${this.filter(s)}`)}`,
    in: (s) =>
      `SELECT r.key, r.value FROM ${this.#redis()} r WHERE r.key IN (SELECT ${this.#key(s)} FROM ${s.from}${this.#where({ ...s, alias: s.alias })})`,
    scalar: (s) =>
      `SELECT ${this.#columns(s)}, (SELECT count(r.value) FROM ${this.#redis()} r WHERE ${this.#on(s)}) FROM ${s.from}${this.#where(s)}`,
    lateral: (s) =>
      `SELECT ${this.#columns(s)}, x.value FROM ${s.from} ${this.one('JOIN', 'LEFT JOIN')} LATERAL (SELECT ${this.one('r.value', 'min(r.value) AS value')} FROM ${this.#redis()} r WHERE ${this.#on(s)}) x ON true${this.#where(s)}`,
    union: (s) =>
      `SELECT ${s.alias}.id, r.value FROM ${s.from} ${this.#joinWord()} ${this.#redis()} r ON ${this.#on(s)} ${this.one('UNION ALL', 'UNION', 'EXCEPT')} SELECT w.id, r.value FROM widgets w JOIN hredis.redis r ON r.key = concat('w:', w.id)`,
    cte: (s) =>
      `WITH v AS ${this.one('', 'MATERIALIZED ', 'NOT MATERIALIZED ')}(SELECT key, value FROM hredis.redis${this.maybe(0.3, () => ' WHERE value IS NOT NULL')}) SELECT ${this.#columns(s)}, r.value${this.maybe(0.3, () => ', (SELECT count(*) FROM v)')} FROM ${s.from} ${this.#joinWord()} v r ON ${this.#on(s)}${this.#where(s)}`,
    derived: (s) =>
      `SELECT ${this.#columns(s)}, r.value FROM ${s.from} ${this.#joinWord()} (${this.one('SELECT key, value FROM hredis.redis', 'SELECT key, min(value) AS value FROM hredis.hashes GROUP BY key', 'SELECT key, value FROM hredis.redis UNION ALL SELECT key, value FROM hredis.hashes', 'SELECT DISTINCT key, value FROM hredis.redis', 'SELECT key, (count(*) OVER ())::text AS value FROM hredis.hashes GROUP BY key', 'SELECT key, (count(*) OVER ())::text AS value FROM hredis.redis', 'SELECT key, value FROM hredis.redis ORDER BY key DESC, value LIMIT 9')}) r ON ${this.#on(s)}${this.#where(s)}`,
    twice: (s) =>
      `SELECT ${this.#columns(s)}, r.value, h.value FROM ${s.from} ${this.#joinWord()} ${this.#redis()} r ON ${this.#on(s)} ${this.#joinWord()} hredis.hashes h ON h.key = ${this.one(this.#key(s), 'r.key', 'r.value')} AND h.field = 'f'${this.#where(s)}`,
    or: (s) => {
      const plain = `r.key = ${this.#key(s)}`;
      const on = this.one(
        ...[
          `(${this.#on(s)}) OR ${plain}`,
          `(${this.#on(s)}) AND NOT ${plain}`,
          `(${this.#on(s)}) AND ${plain}`,
        ],
        ...[
          `NOT ${plain}`,
          `NOT (${plain})`,
          `NOT (${plain} AND r.value IS NULL)`,
          `(${plain}) IS NOT TRUE`,
          `(${plain} OR r.value = '3')`,
        ],
      );
      return `SELECT ${this.#columns(s)}, r.value FROM ${s.from} ${this.#joinWord('full')} ${this.#redis()} r ON ${on}${this.#where(s)}`;
    },
    bare: () => {
      const key = this.one("concat('w:', id)", 'name', 'coalesce(slug, name)', "'w:' || stock");
      const beside = this.one(
        ...['', 'shops, ', '(SELECT size AS id FROM shops) s, ', '(VALUES (30)) v(id), '],
        `json_to_record('{"id": 30, "name": "h"}') AS j(id int, name text), `,
      );
      const call = this.one('(SELECT max(value) FROM', 'EXISTS (SELECT FROM');
      const outer = this.maybe(0.5, () => ' LEFT JOIN (SELECT slug FROM shops) o ON slug = name');
      const inner = `${call} ${beside}hredis.redis WHERE key = ${key})`;
      return call.startsWith('EXISTS') && this.chance(0.7)
        ? `SELECT w.id FROM widgets w${outer} WHERE ${inner} AND ${this.one('stock > 2', 'stock IS NOT NULL', 'true')}`
        : `SELECT w.id, ${inner} FROM widgets w${outer} WHERE ${this.one('stock > 2', 'stock IS NOT NULL', 'true')}`;
    },
    pairs: () => {
      const s = this.joined();
      const [a, b] = [s.alias, s.other];
      const [cte, where] = [
        s.with ? `WITH ${s.with} ` : '',
        this.maybe(0.3, () => ` WHERE ${this.filter(s)}`),
      ];
      return `${cte}SELECT ${a}.id, ${b}.id, r.value FROM ${s.from} JOIN hredis.redis r ON r.key = concat(${a}.id, ':', ${b}.id)${where}`;
    },
    inside: () => {
      const inner = `widgets w ${this.one('JOIN', 'LEFT JOIN')} hredis.redis r ON r.key = concat('w:', w.id)`;
      const [join, on] = [
        this.#joinWord(),
        this.one('z.id::text = r.value', 'r.key = z.slug', 'z.id = w.id'),
      ];
      const condition = this.one(
        '(w.id < 12 OR w.id IS NULL)',
        "coalesce(w.name, 'b') = 'b'",
        'w.id IS NULL',
        'w.id < 12',
      );
      return `SELECT z.id, w.id, r.value FROM shops z ${join} (${inner}) ON ${on} WHERE ${condition}`;
    },
    fails: () =>
      `SELECT w.id, r.value FROM widgets w ${this.one('JOIN', 'LEFT JOIN')} hredis.redis r ON r.key = ${this.one("concat('w:', 12 / w.stock) WHERE w.stock + 0 <> 0", "concat('w:', w.code::int) WHERE w.code !~ 'x'", "concat('w:', w.id) WHERE w.code !~ 'x' AND w.code::int > 2")}`,
    using: () =>
      `SELECT id, name, slug, r.value FROM widgets w ${this.#joinWord()} shops s USING (id) ${this.#joinWord()} hredis.redis r ON r.key = ${this.one("concat('w:', id)", "concat('w:', s.id)", "concat('w:', w.id)", 'slug', 'name')}`,
    nestedLateral: (s) => {
      const lateral = `LATERAL (SELECT r.value, r.key FROM hredis.redis r WHERE ${this.#on(s)}) x ON true`;
      const from = `${s.from} ${this.one('JOIN', 'LEFT JOIN')} ${lateral}`;
      const on = this.one('z.id::text = x.value', 'z.slug = x.key', `z.id = ${s.alias}.id`);
      return `SELECT z.slug, ${this.#columns(s)}, x.value FROM shops z ${this.#joinWord()} (${from}) ON ${on} WHERE ${this.filter(s)}`;
    },
    prefix: (s) =>
      `SELECT r.key, r.value FROM ${this.#redis()} r WHERE r.key ${this.one('', 'NOT ')}LIKE ${this.one("'w%'", "'w:_'", "'w\\:%'", "'%:1'", "'w:1'", "''")} AND ${this.one('true', "starts_with(r.key, 'w:')", "r.key ^@ 'w'", `r.key = any (array[${this.#key({ from: '', alias: 'r2' }).replaceAll(/r2\.\w+/g, "'1'")}, 'none'])`)}${this.maybe(0.2, () => ` AND EXISTS (SELECT FROM ${s.from})`)}`,
  };

  #joinWord(not = ''): string {
    const words = ['JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'];
    return this.one(...words.filter((word) => not === '' || !word.startsWith(not.toUpperCase())));
  }

  #redis(): string {
    const views = ['seen', 'again', '"Odd view"', 'either', 'last_nine', 'per_key', 'of_widgets', 'of_shops'];
    const tables = ['hredis.redis', 'hredis.redis', 'hredis.redis', 'hredis.hashes'];
    return this.one(...tables, ...tables, this.one(...views), this.one(...views));
  }

  #columns({ alias, other }: Source): string {
    return `${alias}.id, ${alias}.name${other ? `, ${other}.id, ${other}.name` : ''}`;
  }

  /** A condition that compares the key, perhaps among others. */
  #on(source: Source): string {
    const sides = ['r.key', this.one(this.#key(source), this.#key(source), `${this.#key(source)}::text`)];
    const compared = this.one(
      ...Array(6).fill(sides.join(' = ')),
      sides.toReversed().join(' = '),
      `r.key IN (${sides[1]}, ${this.#key(source)}, 'none')`,
      `r.key = ANY (ARRAY[${sides[1]}])`,
      `(r.key)::text = (${sides[1]})`,
    );
    const more = this.maybe(
      0.4,
      () => ` AND ${this.one(this.filter(source), "r.value <> '3'", 'r.value IS NOT NULL')}`,
    );
    return this.one(true, true, false) ? compared + more : more.slice(5) + (more && ' AND ') + compared;
  }

  #where(source: Source): string {
    const conditions = [this.filter(source), this.filter(source), "r.value > '2'", 'r.value IS NULL'];
    const usable = conditions.slice(0, source.from.includes(' r ') ? 4 : 2);
    return this.maybe(
      0.6,
      () => ` WHERE ${this.one(...usable)}${this.maybe(0.3, () => ` AND ${this.filter(source)}`)}`,
    );
  }

  /** A condition on the tables beside Redis. Some are true of rows of NULLs. */
  protected filter({ alias: a, other }: Source): string {
    const b = other ?? a;
    return this.one(
      ...[
        `${a}.id > 7`,
        `${a}.id IS NULL`,
        `${a}.name LIKE 'a%'`,
        `${a}.stock BETWEEN 1 AND 8`,
        `${b}.id IN (1, 2, 3)`,
      ],
      ...[`(${a}.id < 12 OR ${b}.id IS NULL)`, `coalesce(${a}.name, 'b') = 'b'`, `${b}.id = ${a}.stock`],
      ...[`${a}.id IS NOT NULL`, `${a}.name <> upper(${a}.name)`, `${a}.id % 2 = 1`, `${b}.name > 'b'`],
    );
  }

  /** What the key is compared with. */
  #key({ alias: a, other }: Source): string {
    const b = other ?? a;
    const good = [
      `concat('w:', ${a}.id)`,
      `'w:' || ${a}.id`,
      `format('w:%s', ${a}.id)`,
      `'w:' || ${b}.id`,
      `${a}.name`,
    ];
    const more = [
      `concat(${a}.name, ':', ${b}.id)`,
      `coalesce(${a}.name, 'none')`,
      `lower(upper(${a}.name))`,
      `CASE WHEN ${a}.id > 4 THEN 'w:' || ${a}.id ELSE ${a}.name END`,
      `concat_ws(':', 'w', ${b}.id)`,
      `trusted(${a}.id)`,
      `concat('w:', ${a}.id % 5)`,
      `(${a}.stock)::text`,
    ];
    const bad = [
      `counted(concat('w:', ${a}.id))`,
      `concat('w:', 12 / ${a}.stock)`,
      `concat('w:', ${a}.id + 1)`,
      `(${a}.name COLLATE "C")`,
      `(SELECT min(s.slug) FROM shops s WHERE s.id = ${a}.id)`,
    ];
    return this.one(...good, ...good, ...more, ...more, ...bad.slice(0, 1), ...(this.chance(0.4) ? bad : []));
  }
}
