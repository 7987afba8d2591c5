/** The sign-in page: one field for the API token. It never shows a token, not even a wrong one. */
import { Layout, type PageContext } from './layout.tsx';

export interface SignInProps extends PageContext {
  /** Path to go on to, sent back as it is; whoever redirects there must check that it is a local one. */
  readonly next: string;
  /** A sentence that says why the last try did not work. */
  readonly error?: string | undefined;
}

/** `/sign-in`; posts `token` and `next` to `/sign-in`. */
export function SignInPage({ next, error, ...context }: SignInProps) {
  return (
    <Layout {...context} title="Sign in" width="narrow">
      <form class="card sign-in" method="post" action="/sign-in">
        <h1>Sign in</h1>
        <p class="muted">
          Writing clips needs the server’s API token. Opening a clip that someone shared with you does not.
        </p>
        <input type="hidden" name="next" value={next} />
        <div class="field">
          <label for="token">API token</label>
          <input
            id="token"
            name="token"
            type="password"
            class="code"
            required
            autocomplete="current-password"
            aria-invalid={error ? 'true' : undefined}
            aria-describedby={error ? 'token-error token-help' : 'token-help'}
          />
          {error ? (
            <p id="token-error" class="error" role="alert">
              {error}
            </p>
          ) : null}
          <p id="token-help" class="help">
            It is the config var <code>API_TOKEN</code>. If there is none, the server made one and printed a
            sign-in URL when it started.
          </p>
        </div>
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
    </Layout>
  );
}
