/** The OpenAPI document is one, and it tells of every route of the app. Source: OpenAPI Specification 3.1.0. */
import { describe, expect, it } from 'vitest';
import { errorTable } from '../../src/domain/errors.ts';
import type { Database, Store } from '../../src/domain/ports.ts';
import { formats } from '../../src/formats/registry.ts';
import { createApp } from '../../src/http/app.ts';
import { createServices } from '../../src/services/services.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: object;
}
interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly operationId?: string;
  readonly security?: readonly Record<string, readonly string[]>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<
    string,
    { readonly description?: string; readonly content?: Record<string, object> }
  >;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, object>;
    readonly securitySchemes: Record<string, { readonly type: string }>;
  };
}

const methods = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

/** Pages for people, and what serves the document itself. */
const pages = new Set([
  'GET /',
  'GET /sign-in',
  'POST /sign-in',
  'POST /sign-out',
  'GET /clips/new',
  'POST /clips/new',
  'GET /clips/{id}',
  'GET /clips/{id}/edit',
  'POST /clips/{id}/edit',
  'POST /clips/{id}/freeze',
  'POST /clips/{id}/thaw',
  'POST /clips/{id}/rotate',
  'POST /clips/{id}/delete',
  'GET /clips/{id}/history',
  'GET /clips/{id}/history/compare',
  'POST /clips/{id}/snapshots/{snapshotId}/delete',
  'POST /clips/{id}/retention',
  'GET /clips/{id}/snapshots/{a}/diff/{b}',
  'GET /clips/{id}/explain',
  'GET /databases',
  'POST /databases',
  'GET /databases/{name}/links/{link}',
  'POST /databases/{name}/links/{link}',
  'GET /docs',
  'GET /openapi.json',
  'OPTIONS /c/*',
]);

/** Routes that take an extension within their last part, and stand in the document with each. */
const withExtension: Readonly<Record<string, string>> = {
  'GET /c/{file}': '/c/{slug}',
  'GET /c/{slug}/s/{file}': '/c/{slug}/s/{snapshotId}',
};

const app = createApp();
const parts = {
  // The document tells of routes; it asks neither a store nor a database.
  services: createServices({
    store: {} as Store,
    databases: [] as Database[],
    allowUnsafeLogin: false,
    snapshotMaxBytes: 1,
    shareRuns: false,
    log: () => {},
  }),
  apiToken: 'token-of-the-rules-0123456789',
  publicUrl: 'https://clips.example.com',
  log: () => {},
};
const response = await app.request('/openapi.json', {}, { parts });
const document = (await response.json()) as Document;

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

/** Everything in the document, with the way to it. */
function* walk(value: unknown, way: string): Generator<readonly [string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [way, value as Record<string, unknown>];
  for (const [key, inner] of Object.entries(value)) yield* walk(inner, `${way}/${key}`);
}

describe('the document', () => {
  it('is of 3.1 and says whose it is', () => {
    expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'application/json']);
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({
      title: 'pgclip',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
    expect(document.servers).toEqual([{ url: 'https://clips.example.com' }]);
  });

  it('has every route of the app, but the pages', () => {
    const described = new Set(operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`));
    const routes = [
      ...new Set(
        app.routes
          .filter(({ method }) => method !== 'ALL')
          .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`),
      ),
    ];
    expect(routes.length).toBeGreaterThan(25);
    const missing = routes.filter(
      (route) => !described.has(route) && !pages.has(route) && !(route in withExtension),
    );
    expect(missing).toEqual([]);
    expect([...pages].filter((route) => !routes.includes(route))).toEqual([]);
    for (const path of Object.values(withExtension)) {
      const tails = ['', ...formats.map(({ name }) => `.${name}`), '.html'];
      expect(tails.filter((tail) => !described.has(`GET ${path}${tail}`))).toEqual([]);
    }
  });

  it('has no route that the app has not', async () => {
    for (const { path, method } of operations) {
      const url = path.replace(/\{\w+\}/g, 'x');
      const answer = await app.request(url, { method: method.toUpperCase() }, { parts });
      const text = await answer.text();
      expect([path, method, /"(not_found|method_not_allowed)"/.test(text)]).toEqual([path, method, false]);
    }
  });

  it('resolves every reference', () => {
    const dangling: string[] = [];
    let references = 0;
    for (const [way, { $ref }] of walk(document, '#')) {
      if (typeof $ref !== 'string') continue;
      references++;
      const target = $ref
        .slice(2)
        .split('/')
        .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
      if (!$ref.startsWith('#/') || target === undefined) dangling.push(`${way}: ${$ref}`);
    }
    expect(dangling).toEqual([]);
    expect(references).toBeGreaterThan(10);
  });

  it('uses no word of OpenAPI 3.0 that 3.1 has not', () => {
    const old = [...walk(document.components.schemas, '#'), ...walk(document.paths, '#')]
      .filter(([, value]) => 'nullable' in value || typeof value.exclusiveMinimum === 'boolean')
      .map(([way]) => way)
      .filter((way) => !way.endsWith('/properties'));
    expect(old).toEqual([]);
  });
});

describe.each(
  operations.map(
    ({ path, method, operation }) => [`${method.toUpperCase()} ${path}`, path, method, operation] as const,
  ),
)('%s', (_, path, method, operation) => {
  it('is a whole operation', () => {
    expect(methods.has(method)).toBe(true);
    expect(path).toMatch(/^\/[\w{}./-]*$/);
    expect(operation.summary).toMatch(/\S/);
    expect(operation.tags?.length).toBe(1);
    const codes = Object.keys(operation.responses);
    expect(codes.some((code) => /^2\d\d$/.test(code))).toBe(true);
    for (const [code, answer] of Object.entries(operation.responses)) {
      expect(code).toMatch(/^[1-5]\d\d$/);
      expect(answer.description).toMatch(/\S/);
    }
  });

  it('declares the parameters of its path, each once', () => {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const declared = operation.parameters ?? [];
    const ofPath = declared.filter((parameter) => parameter.in === 'path');
    expect(ofPath.map(({ name }) => name).sort()).toEqual([...inPath].sort());
    expect(ofPath.every(({ required }) => required === true)).toBe(true);
    expect(declared.every(({ schema }) => schema !== undefined)).toBe(true);
    const keys = declared.map((parameter) => `${parameter.in} ${parameter.name}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('says who may call it and with what', () => {
    if (path.startsWith('/api/')) {
      expect(operation.security).toEqual([{ token: [] }, { session: [] }]);
      expect(operation.responses).toHaveProperty('401');
    } else expect(operation.security).toBeUndefined();
    if (['post', 'patch'].includes(method) && operation.requestBody) {
      const type = path === '/api/import' ? 'application/x-tar' : 'application/json';
      expect(Object.keys(operation.requestBody.content)).toEqual([type]);
      for (const code of ['400', '413', '415']) expect(operation.responses).toHaveProperty(code);
    }
  });
});

describe('what the document names', () => {
  it('is there: schemes of security and codes of errors', () => {
    const schemes = new Set(
      operations.flatMap(({ operation }) => operation.security?.flatMap(Object.keys) ?? []),
    );
    for (const scheme of schemes) expect(document.components.securitySchemes).toHaveProperty(scheme);
    const problem = document.components.schemas.Problem as { properties: { code: { enum: string[] } } };
    expect(problem.properties.code.enum.sort()).toEqual(Object.keys(errorTable).sort());
  });

  it('has an id of its own wherever it has one', () => {
    const ids = operations.flatMap(({ operation }) => operation.operationId ?? []);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
