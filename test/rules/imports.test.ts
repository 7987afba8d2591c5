/** Imports go one way, in no circle, and what touches the process or a server stays where it belongs. */
import { describe, expect, it } from 'vitest';
import { readSources } from '../support/source-files.ts';

const files = await readSources('src', 'views');

/** Each part of the source, and the parts that it may import from beside itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/domain': [],
  'src/formats': ['src/domain'],
  'src/services': ['src/formats', 'src/domain'],
  'src/reduction': [],
  'src/adapters': ['src/reduction', 'src/domain'],
  'src/config': ['src/domain'],
  views: ['src/domain'],
  'src/gateway': ['src/domain'],
  'src/linking': ['src/gateway', 'src/adapters', 'src/reduction', 'src/config', 'src/domain'],
  'src/http': ['src/services', 'src/formats', 'src/domain', 'views', 'package.json'],
  'src/node.ts': ['src/http', 'src/services', 'src/linking', 'src/adapters', 'src/config', 'src/domain'],
  'src/worker.ts': [
    'src/http',
    'src/services',
    'src/linking',
    'src/adapters',
    'src/reduction',
    'src/config',
    'src/domain',
    'dist',
  ],
  'src/cli': [
    'package.json',
    'src/node.ts',
    'src/linking',
    'src/demo',
    'src/adapters',
    'src/config',
    'src/http/log.ts',
    'src/services/archive/tar-header.ts',
    'src/domain',
  ],
  'src/cli.ts': ['src/cli', 'src/config', 'src/domain'],
  'src/demo': [
    'src/node.ts',
    'src/cli',
    'src/services',
    'src/adapters',
    'src/config',
    'src/http/log.ts',
    'src/domain',
  ],
};

/** Packages that only some parts may know. */
const onlyIn: Readonly<Record<string, readonly string[]>> = {
  pg: ['src/adapters/postgres', 'src/demo'],
  ioredis: ['src/adapters/redis', 'src/demo'],
  'node:sqlite': ['src/adapters/embedded'],
  papaparse: ['src/formats', 'src/demo'],
  xlsx: ['src/formats'],
  commander: ['src/cli', 'src/cli.ts'],
  '@hono/node-server': ['src/node.ts'],
  'node:child_process': ['src/cli', 'src/demo'],
};

const within = (path: string, part: string) => path === part || path.startsWith(`${part}/`);
const partOf = (path: string) => Object.keys(mayImport).find((part) => within(path, part));

describe('the source', () => {
  it('is read whole', () => {
    expect(files.length).toBeGreaterThan(100);
    const importing = files.find(({ path }) => path === 'src/http/app.ts');
    expect(importing?.imports).toContain('src/http/routes/results.ts');
    expect(importing?.packages).toContain('hono/body-limit');
    const known = new Set([...files.map(({ path }) => path), 'package.json', 'dist/pg-parser.wasm']);
    const unknown = files.flatMap(({ path, imports }) =>
      imports.filter((each) => !known.has(each)).map((each) => `${path} → ${each}`),
    );
    expect(unknown).toEqual([]);
  });

  it('has no file outside of its parts', () => {
    expect(files.map(({ path }) => path).filter((path) => partOf(path) === undefined)).toEqual([]);
  });

  it('imports one way', () => {
    const wrong = files.flatMap(({ path, imports }) => {
      const part = partOf(path) ?? '';
      const allowed = [part, ...(mayImport[part] ?? [])];
      return imports
        .filter((each) => !allowed.some((other) => within(each, other)))
        .map((each) => `${path} → ${each}`);
    });
    expect(wrong).toEqual([]);
  });

  it('lets no adapter know another', () => {
    const adapter = (path: string) => /^src\/adapters\/(\w+)\//.exec(path)?.[1];
    const wrong = files.flatMap(({ path, imports }) =>
      imports
        .filter((each) => adapter(path) && adapter(each) && adapter(path) !== adapter(each))
        .map((each) => `${path} → ${each}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has no circles', () => {
    const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]) => {
      const at = trail.indexOf(path);
      if (at >= 0) circles.push([...trail.slice(at), path].join(' → '));
      if (at >= 0 || done.has(path)) return;
      for (const each of importsOf.get(path) ?? []) visit(each, [...trail, path]);
      done.add(path);
    };
    for (const { path } of files) visit(path, []);
    expect(circles).toEqual([]);
  });

  it.each(Object.entries(onlyIn))('knows %s only where it belongs', (name, parts) => {
    const users = files.filter(({ packages }) =>
      packages.some((each) => each === name || (each.startsWith(`${name}/`) && name !== 'pg')),
    );
    expect(users.length).toBeGreaterThan(0);
    const wrong = users.map(({ path }) => path).filter((path) => !parts.some((part) => within(path, part)));
    expect(wrong).toEqual([]);
  });

  it('touches the process only in what starts on Node', () => {
    const parts = ['src/node.ts', 'src/cli.ts', 'src/cli', 'src/demo', 'src/config/token.ts'];
    const users = files.filter(
      ({ code, packages }) => /\bprocess\s*\./.test(code) || packages.includes('node:process'),
    );
    expect(users.length).toBeGreaterThan(0);
    const wrong = users.map(({ path }) => path).filter((path) => !parts.some((part) => within(path, part)));
    expect(wrong).toEqual([]);
  });

  it('reads the environment in the entries alone', () => {
    const users = files.filter(({ code }) => /\bprocess\s*\.\s*env\b/.test(code)).map(({ path }) => path);
    expect(
      users.filter((path) => !['src/cli.ts', 'src/cli', 'src/demo'].some((part) => within(path, part))),
    ).toEqual([]);
  });

  it('keeps to what every file has: a head that says what it owns, extensions in imports, no escape hatches', () => {
    const withoutHead = files.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path);
    expect(withoutHead).toEqual([]);
    const bare = files.flatMap(({ path, imports }) =>
      imports.filter((each) => !/\.(tsx?|json|wasm)$/.test(each)).map((each) => `${path} → ${each}`),
    );
    expect(bare).toEqual([]);
    const escaping = files.filter(
      ({ text, code }) => /@ts-(ignore|expect-error|nocheck)/.test(text) || /\bas any\b|:\s*any\b/.test(code),
    );
    expect(escaping.map(({ path }) => path)).toEqual([]);
    expect(files.filter(({ text }) => text.split('\n').length > 300).map(({ path }) => path)).toEqual([]);
  });
});
