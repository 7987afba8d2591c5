/**
 * The widgets of the demo's shop: a made-up catalogue, its table, and the view that a chart of their page views needs.
 * Both are made only where there is a Redis that counts the views, and stay as they are once they are there.
 */
import pg from 'pg';
import { redisLinkName } from './links.ts';

/** A thing that the shop sells. */
export interface Widget {
  /** From 1, without gaps. */
  readonly id: number;
  readonly name: string;
  /** Dollars. */
  readonly price: string;
  readonly stock: number;
  /** What its counter begins with. */
  readonly viewsBefore: number;
}

const catalogue: readonly (readonly [name: string, price: string, stock: number, viewsBefore: number])[] = [
  ['Sprocket, 12 teeth', '4.20', 310, 1873],
  ['Sprocket, 24 teeth', '6.80', 122, 2410],
  ['Spur gear, steel', '9.90', 64, 988],
  ['Bevel gear, brass', '14.50', 18, 1320],
  ['Worm drive', '38.00', 7, 2964],
  ['Rack and pinion', '27.40', 15, 640],
  ['Cam follower', '11.25', 41, 377],
  ['Crank handle', '8.75', 93, 1105],
  ['Flywheel, 200 mm', '64.00', 3, 3518],
  ['Ball bearing, 6 mm', '1.15', 1480, 4207],
  ['Ball bearing, 10 mm', '1.60', 960, 2788],
  ['Needle bearing', '3.30', 205, 512],
  ['Compression spring', '0.85', 2200, 1644],
  ['Torsion spring', '1.05', 730, 461],
  ['Leaf spring', '22.90', 26, 205],
  ['Shaft collar', '2.40', 388, 318],
  ['Universal joint', '17.80', 34, 1492],
  ['Toggle clamp', '12.60', 0, 2051],
  ['Wing nut, M6', '0.30', 5100, 734],
  ['Cotter pin', '0.12', 8800, 189],
  ['Thumb screw, M4', '0.45', 3650, 556],
  ['Knurled knob', '1.95', 417, 903],
  ['Pressure gauge', '19.40', 0, 2637],
  ['Float valve', '15.20', 52, 428],
];

/** All of them, by id. */
export const widgets: readonly Widget[] = catalogue.map(([name, price, stock, viewsBefore], at) => ({
  id: at + 1,
  ...{ name, price, stock, viewsBefore },
}));

const tableSql = `
CREATE TABLE widgets (
  id integer PRIMARY KEY,
  name text NOT NULL UNIQUE,
  price numeric(8, 2) NOT NULL CHECK (price > 0),
  stock integer NOT NULL CHECK (stock >= 0)
);
COMMENT ON TABLE widgets IS 'What the shop of the demo sells; made up';`;

// Columns as most things that draw charts want them. The last condition hands Redis the keys in one go: what the join
// alone says, Postgres does not push down, and without pgclip nobody would add it.
const viewSql = `
CREATE VIEW widget_views AS
SELECT w.name AS label, r.value::bigint AS value
FROM widgets w JOIN ${redisLinkName}.redis r ON r.key = concat('widget:', w.id)
WHERE r.key = ANY (ARRAY(SELECT concat('widget:', id) FROM widgets))
ORDER BY value DESC, label;
COMMENT ON VIEW widget_views IS 'Page views of each widget now, for a chart';`;

/** Makes the table and the view where they are missing. The link of the Redis must be there. */
export async function makeWidgets(ownerUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  client.on('error', () => {});
  await client.connect();
  const isMissing = async (name: string) =>
    (await client.query<{ missing: boolean }>('SELECT to_regclass($1) IS NULL AS missing', [name])).rows[0]
      ?.missing === true;
  try {
    await client.query('BEGIN');
    if (await isMissing('public.widgets')) {
      await client.query(tableSql);
      await client.query(
        'INSERT INTO widgets SELECT id, name, price, stock FROM json_populate_recordset(NULL::widgets, $1)',
        [JSON.stringify(widgets)],
      );
    }
    if (await isMissing('public.widget_views')) await client.query(viewSql);
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
}
