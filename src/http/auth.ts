/**
 * Who may author: whoever sends the API token, or the cookie that signing in with it gave. The cookie is signed with a
 * key made from the token, so that it works on every server and dies when the token changes. Requests with the cookie
 * that change something must come from our own pages. Sources: RFC 6750; Fetch Metadata (W3C).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { createMiddleware } from 'hono/factory';
import { AppError } from '../domain/errors.ts';
import { type AppContext, type AppEnv, originOf } from './context.ts';

const cookieName = 'pgclip_session';
const sessionSeconds = 30 * 24 * 60 * 60;
/** Methods that change nothing. Source: RFC 9110, 9.2.1. */
export const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

function hmac(key: string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Compares in time that tells nothing of where the two differ, nor of their lengths. */
export function isToken(given: string, token: string): boolean {
  return timingSafeEqual(hmac('pgclip token', given), hmac('pgclip token', token));
}

function signature(token: string, payload: string): string {
  return hmac(token, `pgclip session ${payload}`).toString('base64url');
}

function newSession(token: string): string {
  const payload = `${Date.now() + sessionSeconds * 1000}.${randomBytes(9).toString('base64url')}`;
  return `${payload}.${signature(token, payload)}`;
}

function isSession(value: string, token: string): boolean {
  const [expiry, nonce, signed] = value.split('.');
  if (!expiry || !nonce || !signed || !(Number(expiry) > Date.now())) return false;
  return isToken(signed, signature(token, `${expiry}.${nonce}`));
}

/** Gives the browser the cookie. `token` must have been checked. */
export function signIn(c: AppContext): void {
  setCookie(c, cookieName, newSession(c.env.parts.apiToken), {
    httpOnly: true,
    sameSite: 'Lax',
    secure: originOf(c).startsWith('https:'),
    path: '/',
    maxAge: sessionSeconds,
  });
}

export function signOut(c: AppContext): void {
  deleteCookie(c, cookieName, { path: '/' });
}

/** True when the request carries the cookie; it says nothing of where the request came from. */
export function hasSession(c: AppContext): boolean {
  const value = getCookie(c, cookieName);
  return value !== undefined && isSession(value, c.env.parts.apiToken);
}

function bearerOf(c: AppContext): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(c.req.header('Authorization') ?? '')?.[1];
}

/** True when the request carries the token or the cookie: its sender may see what Postgres said. */
export function isAuthor(c: AppContext): boolean {
  const given = bearerOf(c);
  return given === undefined ? hasSession(c) : isToken(given, c.env.parts.apiToken);
}

/** Throws `forbidden_origin` when a request that changes something was not made by one of our own pages. */
export function checkOrigin(c: AppContext): void {
  if (safeMethods.has(c.req.method)) return;
  const site = c.req.header('Sec-Fetch-Site');
  const origin = c.req.header('Origin');
  const own = site ? site === 'same-origin' : origin === originOf(c) || origin === new URL(c.req.url).origin;
  if (!own) {
    throw new AppError(
      'forbidden_origin',
      'This request has to come from a page of pgclip itself, or carry the API token.',
    );
  }
}

/** Lets requests with the token pass, and those with the cookie that come from our own pages. */
export const requireAuthor = createMiddleware<AppEnv>(async (c, next) => {
  const given = bearerOf(c);
  if (given !== undefined) {
    if (!isToken(given, c.env.parts.apiToken)) throw unauthorized('The API token is wrong.');
  } else if (hasSession(c)) checkOrigin(c);
  else throw unauthorized('Sign in, or send the API token as "Authorization: Bearer …".');
  await next();
});

/** As `requireAuthor` for pages: whoever is not signed in is sent to sign in, and back. */
export const requireSignedIn = createMiddleware<AppEnv>(async (c, next) => {
  if (!hasSession(c)) {
    const url = new URL(c.req.url);
    const next = c.req.method === 'GET' ? url.pathname + url.search : '/';
    return c.redirect(next === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(next)}`, 303);
  }
  checkOrigin(c);
  await next();
  return;
});

function unauthorized(message: string): AppError {
  return new AppError('unauthorized', message);
}
