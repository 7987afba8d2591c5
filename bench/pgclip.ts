/** A pgclip that is measured: calls of its API, and downloads of its clips by curl. */
import { type Server, timeCommand } from './processes.ts';

/** Of every server in the bench. */
export const token = 'bench-token-bench-token';

/** Calls the API, with a body by POST; throws what it answers when that is an error. Null: an answer without a body. */
export async function callApi(
  server: Pick<Server, 'url'>,
  path: string,
  { method, body }: { readonly method: string; readonly body?: object },
): Promise<unknown> {
  const response = await fetch(`${server.url}/api${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** Posts to the API and gives what was made. */
export async function api(
  server: Pick<Server, 'url'>,
  path: string,
  body?: object,
): Promise<{ id: string; slug: string }> {
  return (await callApi(server, path, { method: 'POST', body: body ?? {} })) as { id: string; slug: string };
}

/** Downloads and throws away; resolves with the seconds it took. */
export function download(url: string, ...options: string[]): Promise<number> {
  return timeCommand('curl', ['--silent', '--fail', '--output', '/dev/null', ...options, url]);
}
