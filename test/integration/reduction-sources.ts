/** What random queries select from beside Redis: one table of every kind, or several, joined in every way. */

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a query is made of: FROM, a CTE if it needs one, and the alias whose columns are used. */
export interface Source {
  readonly from: string;
  readonly with?: string;
  /** Columns id int, name text, stock int. */
  readonly alias: string;
  /** A second alias with id and name. */
  readonly other?: string;
}

/** Picks at random. */
export class SourceMaker {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  protected one<T>(...choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }

  protected chance(share: number): boolean {
    return this.#random() < share;
  }

  protected maybe(share: number, text: () => string): string {
    return this.chance(share) ? text() : '';
  }

  protected source(): Source {
    return this.chance(0.35) ? this.joined() : this.#single();
  }

  /** One table in FROM, of every kind. */
  #single(): Source {
    const limited = 'SELECT id, name, stock FROM widgets ORDER BY id, name, stock LIMIT 5';
    const joined = `SELECT l.id, o.slug AS name, l.stock FROM widgets l ${this.anyJoin()} shops o ON o.id = l.shop`;
    const body = this.one(
      limited,
      'SELECT id, name, stock FROM widgets WHERE stock > 1',
      'SELECT id, counted(name) AS name, stock FROM widgets',
    );
    const how = this.one('', 'MATERIALIZED ', 'NOT MATERIALIZED ');
    const groups = "coalesce(shop, 7), coalesce(name, 'h')";
    const from = this.one(
      ...[
        'widgets w',
        'widgets w',
        'widgets AS w(stock, name, id)',
        '(SELECT * FROM widgets) AS w(stock, name, id)',
      ],
      ...['in_stock w', 'three w', 'by_shop w', 'counting w', 'c w', 'c w'],
      '(SELECT id, name, stock FROM widgets WHERE stock > 1) w',
      `(${limited}) w`,
      `(${joined}) w`,
      '(SELECT DISTINCT id, name, stock FROM widgets) w',
      '(SELECT shop AS id, max(name) AS name, count(*)::int AS stock FROM widgets GROUP BY shop) w',
      `(SELECT coalesce(shop, 7) AS id, coalesce(name, 'h') AS name, count(*)::int AS stock FROM widgets GROUP BY ROLLUP (${groups})) w`,
      '(SELECT id, name, stock FROM widgets UNION ALL SELECT id, slug, size FROM shops) w',
      '(SELECT id, name, stock FROM widgets EXCEPT SELECT id, slug, size FROM shops) w',
      "(VALUES (1, 'a', 2), (NULL, 'b', 3), (4, NULL, NULL)) w(id, name, stock)",
    );
    return { alias: 'w', from, ...(from === 'c w' ? { with: `c AS ${how}(${body})` } : {}) };
  }

  protected anyJoin(): string {
    return this.one('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
  }

  /** Several tables, joined in every way. */
  protected joined(): Source {
    const shops = this.one(
      ...['widgets', '(SELECT id, slug AS name, size AS stock FROM shops)'],
      '(SELECT id, slug AS name, size AS stock FROM shops WHERE size + 0 > 2)',
      '(SELECT id, slug AS name, size AS stock FROM shops ORDER BY slug LIMIT 2)',
    );
    const more = this.one('', ' AND w.stock > 2', ' AND w.stock + 0 > 4', ' AND s.stock + 0 > 4');
    const [first, second] = [this.anyJoin(), this.anyJoin()];
    const from = this.one(
      `c w ${first} c s ON s.id = w.stock`,
      `widgets w ${first} ${shops} s ON s.id = w.${this.one('shop', 'id')}${more}`,
      `widgets w ${first} widgets s ON s.stock = w.id${more}`,
      `${shops} w ${first} widgets s ON s.id = w.id AND w.stock > 2`,
      `shops o ${first} widgets w ON w.shop = o.id ${second} widgets s ON s.id = o.size`,
      `shops o LEFT JOIN widgets w ON w.shop = o.id JOIN widgets s ON s.stock = coalesce(w.stock, 1)`,
      `shops o ${first} widgets w ON w.shop = o.id JOIN widgets s ON s.stock = coalesce(w.stock, 1)`,
    );
    const names = this.one({ alias: 'w', other: 's' }, { alias: 's', other: 'w' });
    const cte = from.startsWith('c ') ? { with: 'c AS (SELECT id, name, stock FROM widgets)' } : {};
    return { ...names, from, ...cte };
  }
}
