/** `/docs`: the API as a page to read, made from the OpenAPI document, and the URLs of clips with their options. */
import { errorTable } from '../src/domain/errors.ts';
import { CallView, FieldTable, PathText, Prose } from './docs-call.tsx';
import { Layout, type PageContext } from './layout.tsx';
import { type ApiDocument, groupCalls } from './openapi.ts';

/** A format with its options; every `Format` is one. */
export interface DocumentedFormat {
  readonly name: string;
  readonly title: string;
  readonly mediaType: string;
  readonly options: Readonly<
    Record<
      string,
      {
        readonly help: string;
        readonly values: readonly string[] | { readonly allowed: string };
      }
    >
  >;
}

export interface DocsProps extends PageContext {
  readonly document: ApiDocument;
  readonly formats: readonly DocumentedFormat[];
  /** The server's own origin, for the examples: `https://clips.example.com`. */
  readonly origin: string;
}

function anchor(name: string): string {
  return name.replace(/[^A-Za-z0-9]+/g, '-').toLowerCase();
}

function Formats({ formats }: { formats: readonly DocumentedFormat[] }) {
  return (
    <section aria-labelledby="formats">
      <h2 id="formats">Formats</h2>
      <p>
        A clip’s URL needs no sign-in: its slug is the secret. <PathText path="/c/:slug" /> gives what the{' '}
        <code>Accept</code> header asks for and a browser the page; with an extension it gives that format.{' '}
        <PathText path="/c/:slug/s/:snapshotId" /> is one snapshot for ever, with the same extensions.
      </p>
      <div class="fields">
        <table>
          <caption>What each URL gives</caption>
          <thead>
            <tr>
              <th scope="col">Format</th>
              <th scope="col">URL</th>
              <th scope="col">Media type</th>
            </tr>
          </thead>
          <tbody>
            {formats.map((format) => (
              <tr>
                <th scope="row">{format.title}</th>
                <td>
                  <PathText path={`/c/:slug.${format.name}`} />
                </td>
                <td>
                  <code>{format.mediaType}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {formats.map((format) => (
        <FieldTable
          caption={`Options of ${format.title}`}
          fields={Object.entries(format.options).map(([name, { help, values }]) => ({
            name: `?${name}=`,
            type: 'allowed' in values ? values.allowed : values.join(' or '),
            required: false,
            description: help,
          }))}
        />
      ))}
      <p>
        A complete answer is one that ended well. What fails after the first byte breaks the connection off,
        so let your program check: <code>curl --fail</code> exits with an error, and <code>fetch</code>{' '}
        rejects.
      </p>
    </section>
  );
}

/** Where the `type` of a problem document leads. */
function Errors() {
  return (
    <section aria-labelledby="errors">
      <h2 id="errors">Errors</h2>
      <div class="fields">
        <table>
          <caption>Codes, which never change</caption>
          <thead>
            <tr>
              <th scope="col">Code</th>
              <th scope="col">Status</th>
              <th scope="col">Meaning</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(errorTable).map(([code, { status, title }]) => (
              <tr id={code}>
                <th scope="row">
                  <code>{code}</code>
                </th>
                <td>{status}</td>
                <td>{title}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** The docs page. */
export function DocsPage({ document, formats, origin, ...context }: DocsProps) {
  const groups = groupCalls(document);
  return (
    <Layout {...context} title="API" section="docs">
      <div class="docs">
        <nav class="contents" aria-label="On this page">
          <ul>
            {groups.map(({ name }) => (
              <li>
                <a href={`#${anchor(name)}`}>{name}</a>
              </li>
            ))}
            <li>
              <a href="#formats">Formats</a>
            </li>
            <li>
              <a href="#errors">Errors</a>
            </li>
          </ul>
        </nav>
        <div class="prose">
          <h1>{document.info.title}</h1>
          {document.info.description ? <p>{document.info.description}</p> : null}
          <p>
            JSON in and out, with <code>Authorization: Bearer API_TOKEN</code>. The same as a machine reads
            it: <a href="/openapi.json">openapi.json</a>, version {document.info.version}.
          </p>
          {groups.map(({ name, description, calls }) => (
            <section aria-labelledby={anchor(name)}>
              <h2 id={anchor(name)}>{name}</h2>
              {description ? (
                <p>
                  <Prose text={description} />
                </p>
              ) : null}
              {calls.map((call) => (
                <CallView document={document} call={call} origin={origin} />
              ))}
            </section>
          ))}
          <Formats formats={formats} />
          <Errors />
        </div>
      </div>
    </Layout>
  );
}
