/** LibreOffice without a window: Excel files to CSV, many in one call because each start takes seconds. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Comma, double quotes, UTF-8, from line 1, every text quoted, cells as shown, no formulas, every sheet on its own.
// Source: LibreOffice Help, "Filter Options for CSV".
const filter = 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,false,false,false,-1';

/** The first sheet of each file as CSV, in order. Throws when LibreOffice does not open one. */
export async function convertToCsv(files: readonly Uint8Array[]): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-libreoffice-'));
  try {
    const paths = files.map((_, index) => join(dir, `${index}.xlsx`));
    await Promise.all(files.map((bytes, index) => writeFile(paths[index] ?? '', bytes)));
    const output = join(dir, 'csv');
    await mkdir(output);
    // A profile of its own: two LibreOffices can't share one.
    const profile = `-env:UserInstallation=${pathToFileURL(join(dir, 'profile'))}`;
    const said = await runOffice([
      profile,
      '--headless',
      '--convert-to',
      filter,
      '--outdir',
      output,
      ...paths,
    ]);
    return await Promise.all(
      files.map((_, index) =>
        readFile(join(output, `${index}-Sheet1.csv`), 'utf8').catch((cause) => {
          throw new Error(`LibreOffice did not open file ${index}: ${said}`, { cause });
        }),
      ),
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function runOffice(args: readonly string[]): Promise<string> {
  const child = spawn('soffice', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`soffice ended with ${code}: ${said}`);
  return said;
}
