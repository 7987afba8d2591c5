/** `/sign-in` and `/sign-out`: trading the API token for the cookie, and giving it back. */
import { Hono } from 'hono';
import { SignInPage } from '../../../views/sign-in.tsx';
import { checkOrigin, hasSession, isToken, signIn, signOut } from '../auth.ts';
import type { AppContext, AppEnv } from '../context.ts';
import { html, pageContext } from '../page.ts';

export const signInRoutes = new Hono<AppEnv>();

/** Where to go on; only ever a page of our own, in the ASCII without spaces and backslashes that URLs are made of. */
function parseNext(text: unknown): string {
  return typeof text === 'string' && /^\/(?![/\\])[!-[\]-~]*$/.test(text) ? text : '/';
}

async function askForToken(c: AppContext, next: string, error?: string): Promise<Response> {
  const page = SignInPage({ ...(await pageContext(c, false)), next, ...(error ? { error } : {}) });
  return html(c, page, error ? 401 : 200);
}

/** The printed sign-in URL carries the token. */
signInRoutes.get('/sign-in', async (c) => {
  const next = parseNext(c.req.query('next'));
  const token = c.req.query('token');
  if (token !== undefined) {
    if (!isToken(token, c.env.parts.apiToken)) return askForToken(c, next, 'That is not the API token.');
    signIn(c);
    return c.redirect(next, 303);
  }
  return hasSession(c) ? c.redirect(next, 303) : askForToken(c, next);
});

signInRoutes.post('/sign-in', async (c) => {
  checkOrigin(c);
  const form = await c.req.parseBody();
  const next = parseNext(form.next);
  if (typeof form.token !== 'string' || !isToken(form.token.trim(), c.env.parts.apiToken)) {
    return askForToken(c, next, 'That is not the API token.');
  }
  signIn(c);
  return c.redirect(next, 303);
});

signInRoutes.post('/sign-out', (c) => {
  checkOrigin(c);
  signOut(c);
  return c.redirect('/sign-in', 303);
});
