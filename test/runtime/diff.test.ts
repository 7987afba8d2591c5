/** What changed between two snapshots: the same bytes on Node, which has files to sort in, and in workerd. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type BothRuntimes, openBoth } from '../support/runtimes.ts';
import { type SnapshotAnswer, testToken } from '../support/server.ts';

let both: BothRuntimes;
let path: string;

beforeAll(async () => {
  both = await openBoth(inject('postgresUrl'), `${inject('redisUrl')}/16`);
  const { server } = both;
  const rows = 'select n as id, md5(n::text) as m, array[n] as a from generate_series';
  const clip = await server.save({ sql: `${rows}(1, 60000) n order by m` });
  const freeze = async () =>
    (await server.call<SnapshotAnswer>('POST', `/api/clips/${clip.id}/freeze`)).body.id;
  const from = await freeze();
  await server.call('PATCH', `/api/clips/${clip.id}`, { sql: `${rows}(11, 60010) n order by m desc` });
  path = `/api/clips/${clip.id}/snapshots/${from}/diff/${await freeze()}`;
}, 60_000);
afterAll(() => both.close());

describe('a comparison of shuffled snapshots', () => {
  it.each(['.json', '.csv', '.json?key=m'])('is the same in both: %s', async (tail) => {
    const headers = { Authorization: `Bearer ${testToken}` };
    const [node, workerd] = await Promise.all(
      [both.node, both.workerd].map(async (runtime) => {
        const answer = await runtime.fetch(path + tail, { headers });
        return { status: answer.status, type: answer.headers.get('Content-Type'), text: await answer.text() };
      }),
    );
    expect(workerd).toEqual(node);
    expect(node?.status).toBe(200);
    if (tail.startsWith('.json'))
      expect(JSON.parse(node?.text ?? '').summary).toEqual({
        added: 10,
        removed: 10,
        changed: 0,
        unchanged: 59_990,
      });
  });
});
