/** Values that a format can't hold get an answer that says so, however the bytes would have been sent. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { openTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await openTestServer({ postgresUrl: inject('postgresUrl') });
});

afterAll(() => server.close());

describe.each(['live', 'frozen'] as const)('%s', (mode) => {
  test.each(['gzip', 'zstd', 'identity'])(
    'a refused value is a 422 for a client that takes %s',
    async (coding) => {
      const { slug } = await server.save({ mode, sql: `SELECT DATE 'infinity' AS day` });
      const response = await server.fetch(`/c/${slug}.xml`, { headers: { 'Accept-Encoding': coding } });
      expect(response.status).toBe(422);
      expect(response.headers.get('Content-Encoding')).toBeNull();
      expect(await response.json()).toMatchObject({
        code: 'value_not_representable',
        detail: expect.stringMatching(/^Row 1, column "day": /),
      });
    },
  );

  test('no rows at all are whole compressed answers', async () => {
    const { slug } = await server.save({ mode, sql: 'SELECT 1 AS a WHERE false' });
    // The second one is what the first one left in the store.
    for (let time = 1; time <= 2; time++) {
      const response = await server.fetch(`/c/${slug}.ndjson`, { headers: { 'Accept-Encoding': 'gzip' } });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe('');
    }
  });
});
