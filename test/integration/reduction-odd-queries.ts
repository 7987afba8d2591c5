/**
 * Random queries in which names mean something else than they seem to: a table around with the same alias and columns,
 * columns that are called alike or change their names, tables that can't be looked into, CTEs that are named where
 * nobody looks, types that compare in their own way, and columns that become NULL by grouping.
 */
import { SourceMaker } from './reduction-sources.ts';

/** Where texts come from: FROM, and a CTE if it needs one. All have the alias x and the columns n int and k text. */
interface Texts {
  readonly from: string;
  readonly with?: string;
}

export class OddQueryMaker extends SourceMaker {
  /** One query; its result does not depend on the plan. */
  query(): string {
    const texts = this.#texts();
    const redis = this.#redis();
    const ctes = [texts.with, redis.with].filter((each) => each !== undefined);
    const body = this.#body(texts.from, redis.from);
    const recursive = texts.from === 't x' ? 'RECURSIVE ' : '';
    const query = ctes.length > 0 ? `WITH ${recursive}${ctes.join(', ')} ${body}` : body;
    if (!this.chance(0.5)) return query;
    // Around it stands a table that has all of the names, and none of the values.
    const decoy = "(SELECT 0 AS n, 'nix' AS k, 'nix' AS key, 'nix' AS value, 'nix' AS name, 'nix' AS code)";
    const alias = this.one('x', 'r', 'y');
    return this.one(
      `SELECT ${alias}.n, (SELECT string_agg(q::text, ',' ORDER BY q::text COLLATE "C") FROM (${query}) q) FROM ${decoy} ${alias}`,
      `SELECT q.* FROM ${decoy} ${alias} JOIN LATERAL (${query}) q ON true`,
      `SELECT q.* FROM (${query}) q LEFT JOIN ${decoy} ${alias} ON true`,
    );
  }

  #texts(): Texts {
    const shops = '(SELECT id AS n, slug AS k FROM shops)';
    const pairs = "ARRAY[(1, 'w:2')::pair, (3, 'b')::pair]";
    const same = 'SELECT id AS a, stock AS a, name AS b, code AS b FROM widgets';
    const swapped = 'SELECT n AS m, code::text AS n, k AS l FROM odds';
    const how = this.one('', 'MATERIALIZED ', 'NOT MATERIALIZED ');
    return this.one<Texts>(
      { from: 'odds x' },
      { from: 'ONLY odds x' },
      { from: `(${same}) x(a, n, b, k)` },
      { from: 'c AS x', with: `c(a, n, b, k) AS ${how}(${same})` },
      { from: 'c AS x(n, b, k)', with: `c AS ${how}(${swapped})` },
      { from: `(${swapped}) x(n, b, k)` },
      {
        from: '(SELECT w.id, s.id, w.name, s.slug FROM widgets w, shops s WHERE s.id = w.shop) x(a, n, b, k)',
      },
      { from: `unnest(${pairs}) x` },
      { from: `unnest(${pairs}) x(n, k)` },
      { from: `(SELECT n, y AS k FROM odds, unnest(tags) y) x` },
      { from: `(odds o JOIN ${shops} s USING (n)) AS x(n, a, b, c, d, e, f, g, h, k)` },
      { from: `(odds o NATURAL JOIN (SELECT id AS n FROM shops) s) AS x` },
      { from: 'odds x TABLESAMPLE system (100)' },
      { from: `json_to_recordset('[{"n": 4, "k": "d"}, {"n": 7}]') AS x(n int, k text)` },
      { from: `ROWS FROM (generate_series(1, 3), unnest(array['a', 'b'])) x(n, k)` },
      { from: `unnest(array['a', 'w:3']) WITH ORDINALITY x(k, n)` },
      { from: `(VALUES ('7', 'a'), (NULL, 'w:7')) x(n, k)` },
      { from: "(SELECT '12' AS n, 'b' AS k UNION SELECT id::text, name FROM widgets) x" },
      { from: '(SELECT NULL AS n, k FROM odds UNION ALL SELECT id, slug FROM shops) x' },
      { from: '(SELECT DISTINCT ON (k) k, n FROM odds ORDER BY k, n) x' },
      { from: '(SELECT max(n) AS n, k FROM odds GROUP BY ROLLUP (k)) x' },
      { from: `(SELECT k, n FROM odds ORDER BY n DESC, k FETCH FIRST 3 ROWS WITH TIES) x` },
      {
        from: 't x',
        with: 't(n, k) AS (SELECT 1, $$a$$ UNION ALL SELECT o.n, o.k FROM odds o JOIN t ON o.n = t.n + 1)',
      },
    );
  }

  /** What has the alias r and the columns key and value. */
  #redis(): Texts {
    const how = this.one('', '', 'MATERIALIZED ', 'NOT MATERIALIZED ');
    return this.one<Texts>(
      { from: 'hredis.redis r' },
      { from: 'hredis.redis r' },
      { from: 'hredis.redis AS r(key, value)' },
      {
        from:
          this.one('seen', 'public . again', 'either', 'of_widgets', 'per_key') + this.one(' r', ' AS "r"'),
      },
      { from: '"Odd view" AS r("value", key)' },
      {
        from: 'v r',
        with: `v AS ${how}(SELECT key, value FROM ${this.one('seen', 'of_widgets', 'either')})`,
      },
      { from: '(SELECT value, key AS value FROM hredis.redis) r(value, key)' },
      { from: '(SELECT key, value AS key FROM hredis.redis) r(value, key)' },
      { from: '(SELECT value AS key, key AS value FROM hredis.redis) r' },
      { from: '(SELECT key, value FROM hredis.redis UNION ALL SELECT code, nm FROM odds) r' },
      { from: '(SELECT key, value FROM hredis.redis EXCEPT SELECT k, NULL FROM odds) r' },
      { from: '(SELECT key, max(value) AS value FROM hredis.hashes GROUP BY ROLLUP (key)) r' },
      {
        from: '(SELECT h.key, o.k AS value FROM hredis.hashes h FULL JOIN odds o ON o.k = h.key AND h.field = $$f$$) r',
      },
      { from: 'v r', with: `v AS ${how}(SELECT key, value FROM hredis.redis)` },
      { from: 'v r', with: `v AS ${how}(SELECT key, value FROM hredis.redis)` },
      { from: 'v AS r(value, key)', with: `v AS ${how}(SELECT value, key FROM hredis.redis)` },
      { from: 'v r', with: `v(key, value) AS ${how}(SELECT key, value AS key FROM hredis.redis)` },
    );
  }

  #body(x: string, r: string): string {
    const [on, more] = [this.#on(), this.#more()];
    const count = r.startsWith('v ') ? this.#hiddenCount() : '';
    const join = this.one('JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
    const sets = this.one('ROLLUP (x.k)', 'GROUPING SETS ((x.k), ())', 'x.k', 'CUBE (x.k)');
    const bare = on.replaceAll('r.key', 'key');
    return this.one(
      `SELECT x.n, x.k, r.key, r.value FROM ${x} ${join} ${r} ON ${on}${count}${more}`,
      `SELECT x.n, r.value FROM ${x}, ${r}${count} WHERE ${on}${more.replace(' WHERE', ' AND')}`,
      `SELECT x.n, x.k FROM ${x} WHERE ${this.one('', 'NOT ')}EXISTS (SELECT FROM ${r} WHERE ${on})${more.replace(' WHERE', ' AND')}`,
      `SELECT r.key, r.value FROM ${r} WHERE r.key ${this.one('IN', 'IN', '= ANY', 'NOT IN')} (SELECT ${this.one('x.k', "concat('w:', x.n)")} FROM ${x}${more})`,
      `SELECT r.key, r.value FROM ${r} WHERE r.key IN (SELECT ${this.one('code', 'nm', 'vc', 'label', 'mood::text', "doc ->> 'k'")} FROM odds)`,
      `SELECT x.k, (SELECT max(r.value) FROM ${r} WHERE ${this.#grouped()}) FROM ${x} GROUP BY ${sets}`,
      `SELECT x.k FROM ${x} GROUP BY ${sets} HAVING EXISTS (SELECT FROM ${r} WHERE ${this.#grouped()})`,
      `SELECT x.n, q.value FROM ${x} ${this.one('JOIN', 'LEFT JOIN')} LATERAL (SELECT r.value FROM ${r} WHERE ${on}) q ON true${more}`,
      `SELECT x.n, (SELECT max(value) FROM ${r} WHERE ${bare}) FROM ${x}${more}`,
      `SELECT z.n, q.value FROM odds z ${join} (SELECT x.n, r.value FROM ${x} ${join} ${r} ON ${on}) q ON q.n = z.n`,
    );
  }

  /** A look at the whole CTE v, where nothing is looked into. */
  #hiddenCount(): string {
    if (!this.chance(0.5)) return '';
    const all = '(SELECT count(*) FROM v)';
    return this.one(
      ` JOIN jsonb_array_elements(jsonb_build_array(${all})) j ON true`,
      ` JOIN ROWS FROM (generate_series(0, 0), json_array_elements(json_build_array(${all}))) j(a, b) ON true`,
    );
  }

  #on(): string {
    const key = this.one(
      ...['x.k', "concat('w:', x.n)", "'w:' || x.n", 'x.k::text', 'x.k::varchar(1)', 'k', "concat('w:', n)"],
      ...["coalesce(x.k, 'b')", "CASE x.k WHEN 'a' THEN 'b' ELSE x.k END", "NULLIF(x.k, 'a')"],
    );
    return this.one(
      ...[`r.key = ${key}`, `r.key = ${key}`, `${key} = r.key`, `r.key IN (${key}, 'none')`],
      `(r.key = ${key} AND r.value IS NOT NULL)`,
    );
  }

  #grouped(): string {
    return `r.key = ${this.one('x.k', "coalesce(x.k, 'b')", "concat('w', x.k)", "coalesce('w:' || x.k, 'w:1')")}`;
  }

  #more(): string {
    const condition = this.one(
      "x.k <> 'a'",
      'x.k IS NULL',
      'x.n IS NOT NULL',
      "coalesce(x.k, 'b') = 'b'",
      'true',
    );
    return this.maybe(0.5, () => ` WHERE ${condition}`);
  }
}
