/** One call of the API on the docs page: what it does, takes and answers, and how curl makes it. */
import type { ApiBody, ApiCall, ApiDocument, ApiField, ApiSchema } from './openapi.ts';
import { resolveReference, schemaFields, schemaName } from './openapi.ts';
import { Snippet } from './parts.tsx';

/** The anchor of a call. */
export function callId({ method, path }: ApiCall): string {
  return `${method}${path}`.replace(/[^A-Za-z0-9]+/g, '-').toLowerCase();
}

/** A path with its variables set apart. */
export function PathText({ path }: { path: string }) {
  return (
    <code class="path">
      {path.split(/(\{[^}]*\}|:\w+)/).map((part, index) => (index % 2 ? <var>{part}</var> : part))}
    </code>
  );
}

/** A sentence whose backticks set code, as descriptions in the document have them. */
export function Prose({ text }: { text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 ? <code>{part}</code> : part))}</>;
}

/** A table of names with their types and what they mean. */
export function FieldTable({ caption, fields }: { caption: string; fields: readonly ApiField[] }) {
  if (fields.length === 0) return null;
  return (
    <div class="fields">
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Type</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <tr>
              <th scope="row">
                <code>{field.name}</code>
                {field.required ? <span class="required"> required</span> : null}
              </th>
              <td>
                <code>{field.type}</code>
              </td>
              <td>
                <Prose text={field.description} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The JSON schema of a body, or the first that it has. */
function bodySchema(document: ApiDocument, body: ApiBody | undefined): ApiSchema | undefined {
  if (!body) return undefined;
  const content = resolveReference(document, body).content ?? {};
  return (content['application/json'] ?? Object.values(content)[0])?.schema;
}

function AnswerTable({ document, call }: { document: ApiDocument; call: ApiCall }) {
  const answers = Object.entries(call.operation.responses ?? {});
  if (answers.length === 0) return null;
  return (
    <div class="fields">
      <table>
        <caption>Answers</caption>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Body</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {answers.map(([status, answer]) => {
            const schema = bodySchema(document, answer);
            return (
              <tr>
                <th scope="row">
                  <code>{status}</code>
                </th>
                <td>
                  {schema ? <code>{answerName(document, schema)}</code> : <span class="muted">none</span>}
                </td>
                <td>
                  <Prose text={resolveReference(document, answer).description ?? ''} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** An answer's schema by its name or, for an object without one, by its fields. */
function answerName(document: ApiDocument, schema: ApiSchema): string {
  if (schema.$ref || !schema.properties) return schemaName(schema);
  return `{ ${schemaFields(document, schema)
    .map(({ name, type }) => `${name}: ${type}`)
    .join(', ')} }`;
}

/** Placeholders for what must be given, by the type's name; anything else is a word in capitals. */
const samples: Readonly<Record<string, string>> = { name: 'Orders by month', sql: 'select 1 as n' };

function isPublic({ operation }: ApiCall, document: ApiDocument): boolean {
  return (operation.security ?? document.security ?? []).length === 0;
}

function curlText(document: ApiDocument, call: ApiCall, origin: string): string {
  // Braces would be patterns to curl.
  const path = call.path.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase());
  const lines = [`curl${call.method === 'GET' ? '' : ` -X ${call.method}`} '${origin}${path}'`];
  if (!isPublic(call, document)) lines.push(`-H "Authorization: Bearer $API_TOKEN"`);
  const fields = schemaFields(document, bodySchema(document, call.operation.requestBody));
  if (fields.length) {
    const required = fields.filter((field) => field.required);
    const given = required.length ? required : fields.slice(0, 1);
    const body = Object.fromEntries(given.map(({ name }) => [name, samples[name] ?? name.toUpperCase()]));
    lines.push(`--json '${JSON.stringify(body)}'`);
  }
  return lines.join(' \\\n  ');
}

/** A call, folded to its method, path and summary. `origin` is the server's own. */
export function CallView({
  document,
  call,
  origin,
}: {
  document: ApiDocument;
  call: ApiCall;
  origin: string;
}) {
  const { operation, method, path } = call;
  const parameters = (operation.parameters ?? []).map((each) => resolveReference(document, each));
  const fields = parameters.map((each) => ({
    name: each.in === 'query' ? `?${each.name}` : (each.name ?? ''),
    type: schemaName(each.schema),
    required: each.required ?? false,
    description: each.description ?? each.schema?.description ?? '',
  }));
  return (
    <details class="call" id={callId(call)}>
      <summary>
        <span class={`method ${method.toLowerCase()}`}>{method}</span> <PathText path={path} />{' '}
        <span class="summary">{operation.summary}</span>
      </summary>
      <div class="call-body">
        {operation.description ? (
          <p>
            <Prose text={operation.description} />
          </p>
        ) : null}
        <FieldTable caption="Parameters" fields={fields} />
        <FieldTable
          caption="Body"
          fields={schemaFields(document, bodySchema(document, operation.requestBody))}
        />
        <AnswerTable document={document} call={call} />
        <Snippet what={`the curl line for ${method} ${path}`} text={curlText(document, call, origin)} />
      </div>
    </details>
  );
}
