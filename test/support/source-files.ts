/** The project's own source text: which files there are and what each imports, read without a compiler. */
import { readdir, readFile } from 'node:fs/promises';
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** From the project's root: `src/http/app.ts`. */
  readonly path: string;
  readonly text: string;
  /** Without comments and without what stands between quotes. */
  readonly code: string;
  /** Files of the project that it imports, by path from the root; types too. */
  readonly imports: readonly string[];
  /** Packages and `node:` modules that it imports. */
  readonly packages: readonly string[];
}

const specifiers = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(['"])([^'"\n]+)\1/gm;
const comments = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;
const quoted = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g;

function parseSource(path: string, text: string): SourceFile {
  const bare = text.replace(comments, '');
  const named = [...bare.matchAll(specifiers)].map((match) => match[2] ?? '');
  const own = named.filter((name) => name.startsWith('.'));
  return {
    path,
    text,
    code: bare.replace(quoted, "''"),
    imports: own.map((name) => posix.join(posix.dirname(path), name)),
    packages: named.filter((name) => !name.startsWith('.')),
  };
}

/** Every .ts and .tsx file under these folders of the project. */
export async function readSources(...folders: string[]): Promise<readonly SourceFile[]> {
  const files: SourceFile[] = [];
  for (const folder of folders) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile() || !/\.tsx?$/.test(entry.name)) continue;
      const file = join(entry.parentPath, entry.name);
      files.push(parseSource(relative(root, file), await readFile(file, 'utf8')));
    }
  }
  return files;
}
