import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli, spawnCli } from '../support/cli.ts';

const slug = 'abcdefghijklmnopqrstuv';
const csv = 'n,name\n1,one\n2,two\n';

/** What a clip URL answers; the paths are those of a pgclip, the ways to break off are this file's. */
const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  [`/c/${slug}.csv`]: (_, response) => response.end(csv),
  [`/c/${slug}.json`]: (_, response) => response.end('[]'),
  [`/c/${slug}.csv?delimiter=;`]: (_, response) => response.end('n;name\n'),
  [`/c/${slug}/s/abc.xlsx`]: (_, response) => response.end('PK'),
  '/c/broken-broken-broken.csv': (_, response) => {
    response.write('x'.repeat(20_000), () => response.destroy());
  },
  '/c/short-short-short-short.csv': (_, response) => {
    response.setHeader('content-length', '1000');
    response.write('only this', () => response.destroy());
  },
  '/c/endless-endless-endless.csv': (_, response) => {
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
    };
    response.on('drain', write);
    write();
  },
  '/c/gone-gone-gone-gone-gone.csv': (_, response) => {
    response.writeHead(404, { 'content-type': 'application/problem+json' });
    response.end(
      JSON.stringify({ title: 'There is no such clip', detail: 'There is no such clip.', status: 404 }),
    );
  },
};

let server: Server;
let origin: string;
let dir: string;
const requests: IncomingMessage[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request);
    const answer = answers[request.url ?? ''];
    if (answer) answer(request, response);
    else response.writeHead(500).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  dir = await mkdtemp(join(tmpdir(), 'pgclip-test-get-'));
});

beforeEach(async () => {
  requests.length = 0;
  for (const name of await readdir(dir)) await rm(join(dir, name));
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true });
});

const get = (...args: string[]) =>
  runCli(['get', ...args], { cwd: dir, env: { PGCLIP_TOKEN: 'a-token-of-the-server' } });

describe('pgclip get', () => {
  it('writes CSV to stdout and sends no token to a clip URL', async () => {
    expect(await get(`${origin}/c/${slug}`)).toEqual({ code: 0, stdout: csv, stderr: '' });
    expect(requests[0]?.headers.authorization).toBeUndefined();
  });

  it('takes the format of --format, the file, the URL, in this order', async () => {
    expect((await get(`${origin}/c/${slug}.json`)).stdout).toBe('[]');
    await get(`${origin}/c/${slug}.json`, '-o', 'a.csv');
    expect(await readFile(join(dir, 'a.csv'), 'utf8')).toBe(csv);
    await get(`${origin}/c/${slug}`, '-o', 'b.csv', '--format', 'json');
    expect(await readFile(join(dir, 'b.csv'), 'utf8')).toBe('[]');
  });

  it("keeps the URL's options and its snapshot", async () => {
    expect((await get(`${origin}/c/${slug}.csv?delimiter=;`)).stdout).toBe('n;name\n');
    expect((await get(`${origin}/c/${slug}/s/abc`, '-o', 'a.xlsx')).code).toBe(0);
    expect(await readdir(dir)).toEqual(['a.xlsx']);
  });

  it.each(['broken-broken-broken', 'short-short-short-short'])(
    'keeps nothing of a download that breaks off, and what was there before stays: %s',
    async (name) => {
      await writeFile(join(dir, 'a.csv'), 'before');
      const result = await get(`${origin}/c/${name}`, '-o', 'a.csv');
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/^pgclip: download broke off after [\d.]+ k?B; nothing was kept\.\n$/);
      expect(await readdir(dir)).toEqual(['a.csv']);
      expect(await readFile(join(dir, 'a.csv'), 'utf8')).toBe('before');
    },
  );

  it('says of stdout that it is not whole', async () => {
    const result = await get(`${origin}/c/broken-broken-broken`);
    expect(result.code).toBe(1);
    expect(result.stderr).toBe('pgclip: download broke off after 20.0 kB; what was written is not whole.\n');
  });

  it('stops the download when the reader of stdout leaves', async () => {
    const child = spawnCli(['get', `${origin}/c/endless-endless-endless`]);
    const closed = once(child, 'close');
    await once(child.stdout, 'data');
    const [request] = requests;
    const left = new Promise((resolve) => request?.socket.once('close', resolve));
    child.stdout.destroy();
    expect(await closed).toEqual([0, null]);
    await left;
  });

  it('removes the part when it is interrupted', async () => {
    const child = spawnCli(['get', `${origin}/c/endless-endless-endless`, '-o', 'a.csv'], { cwd: dir });
    const closed = once(child, 'close');
    await expect.poll(() => readdir(dir)).toEqual(['a.csv.part']);
    child.kill('SIGINT');
    expect(await closed).toEqual([130, null]);
    expect(await readdir(dir)).toEqual([]);
  });

  it('says in one line what is wrong', async () => {
    expect(await get(`${origin}/c/gone-gone-gone-gone-gone`)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'pgclip: There is no such clip.\n',
    });
    expect((await get(`${origin}/c/${slug}`, '-o', 'no/such/dir.csv')).stderr).toBe(
      "pgclip: no/such/dir.csv can't be written (ENOENT).\n",
    );
    const unused = await get('http://127.0.0.1:1/c/abcdefghijklmnopqrstuv');
    expect(unused.stderr).toMatch(/^pgclip: no pgclip answers at http:\/\/127\.0\.0\.1:1\b.*\n$/);
  });

  it('needs a token for anything but a clip URL, and a server', async () => {
    const result = await runCli(['get', 'a name'], { cwd: dir });
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^pgclip: there is no token;.*\n$/),
    });
  });
});

describe('usage', () => {
  it.each([
    [['get']],
    [['create', 'SELECT 1']],
    [['create', '--name', 'x']],
    [['create', '--name', 'x', '-f', 'a.sql', 'SELECT 1']],
    [['edit', 'x']],
    [['nonsense']],
    [['clips', '--nonsense']],
  ])('%j is wrong usage: one line, exit 2', async (args) => {
    const result = await runCli(args, { cwd: dir });
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^pgclip: .+\n$/) });
  });

  it('shows help on stdout', async () => {
    const result = await runCli(['databases', '--help']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('harden <database>');
  });
});
