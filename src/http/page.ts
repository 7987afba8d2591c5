/** Pages as answers: their headers, and a strict policy of what they may load. Source: CSP Level 3 (W3C). */
import type { HtmlEscapedString } from 'hono/utils/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { PageContext } from '../../views/layout.tsx';
import { hasSession } from './auth.ts';
import type { AppContext } from './context.ts';

/** No inline scripts or styles, nothing from elsewhere, in no frame. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Headers of every page. */
export const pageHeaders = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': contentSecurityPolicy,
} as const;

/** Answers with a page that a view made. Pages of signed-in users are kept by no cache. */
export function html(
  c: AppContext,
  page: HtmlEscapedString | Promise<HtmlEscapedString>,
  status: ContentfulStatusCode = 200,
): Response | Promise<Response> {
  c.header('Cache-Control', 'no-store');
  return c.html(page, status, pageHeaders);
}

/** What every page shows around its content. `signedIn: false` for pages that look the same to everyone. */
export async function pageContext(c: AppContext, signedIn = hasSession(c)): Promise<PageContext> {
  const warning = await c.env.parts.services.databases.findWarning();
  return { viewer: { signedIn }, ...(warning ? { warning } : {}) };
}
