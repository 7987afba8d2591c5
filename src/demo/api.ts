/** The API of the demo's own server, as anyone would call it. */

/** Calls `path`, below `/api`, and returns the answer's JSON. Throws an Error that holds a bad answer. */
export type CallApi = <T>(method: string, path: string, body?: unknown) => Promise<T>;

/** The API of the server at the origin `server`. */
export function openApi(server: string, token: string): CallApi {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return async <T>(method: string, path: string, body?: unknown) => {
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetch(`${server}/api${path}`, init);
    if (response.ok) return (await response.json()) as T;
    throw new Error(
      `The demo's server answers ${method} ${path}: ${response.status} ${await response.text()}`,
    );
  };
}
