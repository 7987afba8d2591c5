/** Every format that a result set can be downloaded in. HTML is a page, not a download: it is not among them. */
import { csv } from './csv.ts';
import type { Format } from './format.ts';
import { json } from './json.ts';
import { ndjson } from './ndjson.ts';
import { xlsx } from './xlsx.ts';
import { xml } from './xml.ts';

/** In the order in which they are offered; the first is what a client without a wish gets. */
export const formats: readonly Format[] = [json, ndjson, csv, xml, xlsx];

/** The format of an extension without its dot, or null. */
export function findFormat(name: string): Format | null {
  return formats.find((format) => format.name === name) ?? null;
}
