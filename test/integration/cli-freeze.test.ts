/** `pgclip freeze` while it works: cancelled by a person, broken off by the network, watched on a terminal. */
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { runCli, spawnCli } from '../support/cli.ts';
import { closeGate, type Gate, rowsAroundGate } from '../support/gate.ts';
import { openRelay, type Relay } from '../support/relay.ts';
import { type ClipAnswer, openTestServer, type TestServer, testToken, waitFor } from '../support/server.ts';

let server: TestServer;
let relay: Relay;
let gate: Gate;
let env: Record<string, string>;

beforeAll(async () => {
  server = await openTestServer({
    postgresUrl: inject('postgresUrl'),
    env: () => ({ PUBLIC_URL: 'https://clips.example.com' }),
  });
  relay = await openRelay(Number(new URL(server.url).port));
  gate = await closeGate(server.database.superuserUrl);
  env = { PGCLIP_URL: `http://127.0.0.1:${relay.port}`, PGCLIP_TOKEN: testToken };
});
afterAll(async () => {
  await gate.end();
  await relay.close();
  await server.close();
});
beforeEach(async () => {
  await gate.open();
  await gate.close();
});

const current = async (id: string) => (await server.call<ClipAnswer>('GET', `/api/clips/${id}`)).body;

/** Starts the command and strikes it when its run stands at the gate. */
async function strike(args: string[], how: (child: ReturnType<typeof spawnCli>) => void) {
  const child = spawnCli(args, { env });
  const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  await waitFor(async () => (await gate.waiting()) === 1, 10_000);
  how(child);
  const [stdout, stderr] = await output;
  return { code: child.exitCode, stdout, stderr };
}

it('says nothing on the way when stderr is no terminal', async () => {
  const clip = await server.save({ name: 'Quiet', sql: 'select 1 as one' });
  const { code, stdout, stderr } = await runCli(['freeze', clip.id], { env });
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Quiet: frozen, 1 row, sha256 [0-9a-f]{12}, http\S+\n$/);
  const json = await runCli(['freeze', clip.id, '--json'], { env });
  expect(JSON.parse(json.stdout)).toEqual((await current(clip.id)).snapshot);
});

it('is cancelled by Ctrl-C, and says that the clip is as it was', async () => {
  const clip = await server.save({ sql: rowsAroundGate(20_000) });
  const result = await strike(['freeze', clip.id], (child) => child.kill('SIGINT'));
  expect(result).toEqual({ code: 130, stdout: '', stderr: 'pgclip: cancelled; the clip is as it was.\n' });
  await waitFor(async () => (await gate.observer.busy()) === 0, 1000);
  expect(await current(clip.id)).toEqual(clip);
});

it('cancels a creation', async () => {
  const args = ['create', rowsAroundGate(20_000), '--name', 'Never', '--frozen'];
  const result = await strike(args, (child) => child.kill('SIGINT'));
  const stderr = 'pgclip: cancelled; unless `pgclip clips` lists it, the clip was not saved.\n';
  expect(result).toEqual({ code: 130, stdout: '', stderr });
  await waitFor(async () => (await gate.observer.busy()) === 0, 1000);
  expect((await server.call('GET', '/api/clips?q=Never')).body).toMatchObject({ clips: [] });
});

it('tells the truth when the connection breaks off', async () => {
  const clip = await server.save({ sql: rowsAroundGate(20_000) });
  const cut = async () => {
    await relay.stop();
    await relay.start();
  };
  const broken = await strike(['freeze', clip.id], () => void cut());
  expect([broken.code, broken.stdout]).toEqual([1, '']);
  // Whether the server is there again when it is asked is a matter of luck.
  expect(broken.stderr).toMatch(
    /^pgclip: the connection broke off; the (clip is as it was|server does not say)/,
  );
  expect(await current(clip.id)).toEqual(clip);
});

it('says what the server says when the query fails', async () => {
  const clip = await server.save({ sql: 'select 1 / (40000 - n) from generate_series(1, 50000) n' });
  const { code, stderr } = await runCli(['freeze', clip.id], { env });
  expect([code, stderr]).toEqual([1, 'pgclip: division by zero (SQLSTATE 22012).\n']);
});
