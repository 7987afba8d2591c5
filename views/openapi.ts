/**
 * The part of an OpenAPI 3.1 document that the docs page reads, and how it is read: references resolved, schemas
 * named and flattened to rows. It takes a document as it is parsed; what it does not know is left out.
 * Source: OpenAPI Specification 3.1.1.
 */

/** A JSON Schema as far as it is shown. */
export interface ApiSchema {
  readonly $ref?: string | undefined;
  readonly type?: string | readonly string[] | undefined;
  readonly format?: string | undefined;
  readonly description?: string | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, ApiSchema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly items?: ApiSchema | undefined;
  readonly anyOf?: readonly ApiSchema[] | undefined;
  readonly oneOf?: readonly ApiSchema[] | undefined;
  readonly allOf?: readonly ApiSchema[] | undefined;
}

export interface ApiMedia {
  readonly schema?: ApiSchema | undefined;
  readonly example?: unknown;
}

export interface ApiParameter {
  readonly $ref?: string | undefined;
  readonly name?: string | undefined;
  readonly in?: string | undefined;
  readonly required?: boolean | undefined;
  readonly description?: string | undefined;
  readonly schema?: ApiSchema | undefined;
}

export interface ApiBody {
  readonly $ref?: string | undefined;
  readonly description?: string | undefined;
  readonly content?: Readonly<Record<string, ApiMedia>> | undefined;
}

export interface ApiOperation {
  readonly tags?: readonly string[] | undefined;
  readonly summary?: string | undefined;
  readonly description?: string | undefined;
  readonly parameters?: readonly ApiParameter[] | undefined;
  readonly requestBody?: ApiBody | undefined;
  readonly responses?: Readonly<Record<string, ApiBody>> | undefined;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[] | undefined;
}

/** An OpenAPI 3.1 document. */
export interface ApiDocument {
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description?: string | undefined;
  };
  readonly tags?: readonly { readonly name: string; readonly description?: string | undefined }[] | undefined;
  readonly security?: ApiOperation['security'];
  readonly paths?: Readonly<Record<string, object>> | undefined;
  readonly components?: object | undefined;
}

/** One call: an operation with where it is. */
export interface ApiCall {
  /** Upper case. */
  readonly method: string;
  readonly path: string;
  readonly operation: ApiOperation;
}

/** Calls that share a tag. */
export interface ApiGroup {
  readonly name: string;
  readonly description: string | null;
  readonly calls: readonly ApiCall[];
}

/** One line of a table of fields. */
export interface ApiField {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** The calls by their first tag, in the order of the document's tags, then as they come. */
export function groupCalls(document: ApiDocument): ApiGroup[] {
  const groups = new Map<string, { description: string | null; calls: ApiCall[] }>();
  for (const { name, description } of document.tags ?? []) {
    groups.set(name, { description: description ?? null, calls: [] });
  }
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    const operations: Partial<Record<string, ApiOperation>> = item;
    for (const method of methods) {
      const operation = operations[method];
      if (!operation) continue;
      const tag = operation.tags?.[0] ?? 'Other';
      const group = groups.get(tag) ?? { description: null, calls: [] };
      groups.set(tag, group);
      group.calls.push({ method: method.toUpperCase(), path, operation });
    }
  }
  return [...groups].flatMap(([name, group]) => (group.calls.length ? [{ name, ...group }] : []));
}

/** The thing itself, or what its `$ref` points to inside the document; an unknown reference stays as it is. */
export function resolveReference<T extends { readonly $ref?: string | undefined }>(
  document: ApiDocument,
  thing: T,
): T {
  if (!thing.$ref?.startsWith('#/')) return thing;
  let target: unknown = document;
  for (const step of thing.$ref.slice(2).split('/')) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    target = (target as Record<string, unknown> | undefined)?.[key];
  }
  return (target as T | undefined) ?? thing;
}

/** A schema in a few words: `string`, `"live" or "frozen"`, `array of Clip`, `Snapshot or null`. */
export function schemaName(schema: ApiSchema | undefined): string {
  if (!schema) return 'any';
  if (schema.$ref) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(schemaName).join(' or ');
  if (schema.allOf) return schema.allOf.map(schemaName).join(' with ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(' or ');
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? ['any']);
  return types
    .map((type) => {
      if (type === 'array') return `array of ${schemaName(schema.items)}`;
      return type === 'string' && schema.format ? `string (${schema.format})` : type;
    })
    .join(' or ');
}

/** The fields of an object schema, one level deep; empty for anything else. */
export function schemaFields(document: ApiDocument, schema: ApiSchema | undefined): ApiField[] {
  if (!schema) return [];
  const known = resolveReference(document, schema);
  const parts = known.allOf?.flatMap((each) => schemaFields(document, each)) ?? [];
  const own = Object.entries(known.properties ?? {}).map(([name, property]) => ({
    name,
    type: schemaName(property),
    required: known.required?.includes(name) ?? false,
    description: resolveReference(document, property).description ?? '',
  }));
  return [...parts, ...own];
}
