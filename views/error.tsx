/** The page of an error: the same facts as its problem document, and a way on. It shows only what it is given. */
import { Layout, type PageContext } from './layout.tsx';

export interface ErrorPageProps extends PageContext {
  readonly status: number;
  readonly title: string;
  /** What happened and what to do, safe for whoever looks at it. */
  readonly detail: string;
  /** A code of the error table. */
  readonly code: string;
  /** For 401: the path that was asked for, to come back to after signing in. */
  readonly next?: string | undefined;
}

/** Any error as a page. */
export function ErrorPage({ status, title, detail, code, next, ...context }: ErrorPageProps) {
  return (
    <Layout {...context} title={title} width="narrow">
      <div class="problem">
        <p class="status">
          {status} <code>{code}</code>
        </p>
        <h1>{title}</h1>
        <p>{detail}</p>
        <p class="actions">
          {status === 401 ? (
            <a class="button primary" href={`/sign-in${next ? `?next=${encodeURIComponent(next)}` : ''}`}>
              Sign in
            </a>
          ) : null}
          {context.viewer.signedIn ? (
            <a class="button" href="/">
              Back to the clips
            </a>
          ) : null}
        </p>
      </div>
    </Layout>
  );
}
