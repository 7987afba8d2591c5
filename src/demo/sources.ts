/**
 * The files that the demo's rows come from, in the packages `vega-datasets` and `world-countries`: read as they stand
 * there, and the one name of a country that all of them agree on, its code. Knows nothing of Postgres.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Papa from 'papaparse';
import type { Country } from 'world-countries';

type Value = string | number | boolean | null | object;

/** A row: column name → value as JSON. */
export type DemoRow = Readonly<Record<string, Value>>;

/** The rows of one table. All rows have the same columns. */
export interface DemoTable {
  readonly name: string;
  readonly rows: readonly DemoRow[];
}

/** A row of a CSV file. */
export type Text = Readonly<Record<string, string>>;

/** A row of a JSON file. */
export type Json = Readonly<Record<string, string | number | null>>;

/** The countries of ISO 3166-1. Throws when the package is not installed. */
export async function readCountries(): Promise<readonly Country[]> {
  return JSON.parse(await readFile(packageFile('world-countries', 'countries.json'), 'utf8'));
}

/** The rows of a CSV file of vega-datasets. Throws when the package is not installed. */
export async function readCsv(file: string): Promise<readonly Text[]> {
  return Papa.parse<Text>(await readVega(file), { header: true, skipEmptyLines: true }).data;
}

/** The rows of a JSON file of vega-datasets. Throws when the package is not installed. */
export async function readJson(file: string): Promise<readonly Json[]> {
  return JSON.parse(await readVega(file));
}

async function readVega(file: string): Promise<string> {
  return readFile(packageFile('vega-datasets', join('data', file)), 'utf8');
}

/** The path of a file of a package, whatever the package exports. */
function packageFile(name: string, file: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  const root = entry.slice(0, entry.lastIndexOf(join('node_modules', name)));
  return join(root, 'node_modules', name, file);
}

// What the statistics call countries otherwise than ISO does.
const otherNames: Readonly<Record<string, string>> = {
  'Congo, Dem. Rep.': 'COD',
  'Congo, Rep.': 'COG',
  'Federated States of Micronesia': 'FSM',
  'Hong Kong, China': 'HKG',
  'Macedonia, FYR': 'MKD',
  'Micronesia, Fed. Sts.': 'FSM',
  'N Mariana Islands': 'MNP',
  'St. Lucia': 'LCA',
  'St. Vincent and the Grenadines': 'VCT',
  Turkey: 'TUR',
  'West Bank and Gaza': 'PSE',
};

/** Finds the code (ISO 3166-1 alpha-3) of a country by any of its names. Throws for one that nobody knows. */
export function codesByName(countries: readonly Country[]): (name: string) => string {
  const codes = new Map(Object.entries(otherNames));
  for (const { name, altSpellings, cca3 } of countries)
    for (const each of [name.common, name.official, ...altSpellings])
      if (!codes.has(each)) codes.set(each, cca3);
  return (name) => {
    const code = codes.get(name);
    if (code === undefined) throw new Error(`The demo data know no country ${name}.`);
    return code;
  };
}
