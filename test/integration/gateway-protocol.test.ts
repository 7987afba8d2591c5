/** Clients of the gateway that aren't postgres_fdw, or misbehave: a proper error or a closed connection, nobody else harmed. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openGateway } from '../../src/gateway/gateway.ts';
import { linkPassword, openTestGateway, type TestGateway } from '../support/gateway.ts';
import { RawClient, rawMessage, rawStartup, sqlstateOf } from '../support/raw-postgres.ts';

const run = promisify(execFile);
const loginDeadlineMs = 1_500;
let test: TestGateway;

beforeAll(async () => {
  test = await openTestGateway({
    limits: { maxSessions: 20, maxUserSessions: 15, maxWaiting: 100, loginDeadlineMs },
  });
  await test.redis.set('a', '1');
});
afterAll(async () => {
  await test?.close();
  // Nothing of all this was unforeseen.
  expect(test.log).toEqual([]);
});

const open = () => new RawClient(test.gateway.port);
const signIn = async () => {
  const client = open();
  const messages = await client.signIn('link', linkPassword);
  expect(messages.at(-1)?.type).toBe('Z');
  return client;
};
const query = async (client: RawClient, sql: string) => {
  client.send(rawMessage('Q', sql));
  return await client.until('Z');
};

describe('a login', () => {
  it.each([
    ['with a wrong password', 'link', 'wrong'],
    ['of nobody', 'nobody', linkPassword],
  ])('%s is refused', async (_, user, password) => {
    const messages = await open().signIn(user, password);
    expect(sqlstateOf(messages)).toBe('28P01');
  });

  it('without a user, with another encoding, or of another protocol is refused', async () => {
    const answers = [
      [rawStartup({ database: 'x' }), '28000'],
      [rawStartup({ user: 'link', client_encoding: 'LATIN1' }), '22023'],
      [rawStartup({ user: 'link' }, 2 << 16), '0A000'],
      [rawStartup({ user: 'link', replication: 'database' }), '0A000'],
    ] as const;
    for (const [packet, sqlstate] of answers) {
      const client = open();
      client.send(packet);
      expect(sqlstateOf(await client.rest())).toBe(sqlstate);
    }
  });

  it('asks a later protocol to be 3.0', async () => {
    const client = open();
    client.send(rawStartup({ user: 'link', '_pq_.new': '1' }, (3 << 16) + 2));
    const [first] = await client.until('R');
    expect(first?.type).toBe('v');
    expect(first?.body.readInt32BE(0)).toBe(3 << 16);
    client.close();
  });

  it('has no TLS where no certificate is given, and no GSS encryption', async () => {
    const client = open();
    for (const code of [80_877_103, 80_877_104]) {
      client.send(rawMessage('', code));
      expect(await client.byte()).toBe('N');
    }
    client.close();
  });

  it('that takes its time is closed', async () => {
    const started = performance.now();
    const client = open();
    client.send(rawStartup({ user: 'link' }));
    expect((await client.rest()).map(({ type }) => type)).toEqual(['R']);
    expect(performance.now() - started).toBeLessThan(loginDeadlineMs + 2_000);
  });

  it('is asked for the same, whether or not there is such a user', async () => {
    const challenge = async (user: string) => {
      const client = open();
      client.send(rawStartup({ user }));
      await client.until('R');
      const first = Buffer.from('n,,n=,r=abcdefghijkl');
      client.send(rawMessage('p', 'SCRAM-SHA-256', first.length, first));
      const [, salt, count] = /,s=(.*),i=(.*)$/.exec(String((await client.until('R')).at(-1)?.body)) ?? [];
      client.close();
      return [salt, count];
    };
    for (const user of ['link', 'nobody']) expect(await challenge(user)).toEqual(await challenge(user));
    expect((await challenge('link'))[1]).toBe((await challenge('nobody'))[1]);
    expect((await challenge('link'))[0]).not.toBe((await challenge('nobody'))[0]);
  });
});

/** Signs in over TLS as one who would bind, and was told by somebody in between that the server can't: its SQLSTATE. */
async function sayThatWeCanNotBind(port: number): Promise<string | undefined> {
  const raw = connect(port, '127.0.0.1');
  raw.write(rawMessage('', 80_877_103));
  await once(raw, 'data');
  const socket = connectTls({ socket: raw, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.write(rawStartup({ user: 'link' }));
  const [offer] = await once(socket, 'data');
  expect(String(offer)).toContain('SCRAM-SHA-256-PLUS');
  const first = Buffer.from('y,,n=,r=abcdefghijkl');
  socket.write(rawMessage('p', 'SCRAM-SHA-256', first.length, first));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return sqlstateOf([{ type: 'E', body: answer }]);
}

describe('over TLS', () => {
  const made = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pgclip-gateway-'));
    const at = (name: string) => join(folder, name);
    const options = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=gateway'];
    await run('openssl', [...options, '-keyout', at('key.pem'), '-out', at('cert.pem')]);
    const [key, cert] = await Promise.all([
      readFile(at('key.pem'), 'utf8'),
      readFile(at('cert.pem'), 'utf8'),
    ]);
    await rm(folder, { recursive: true });
    return { key, cert };
  };

  it('postgres_fdw signs in bound to the certificate', async () => {
    const { logins, sql, log } = test;
    const tls = await made();
    const findLogin = (user: string) => logins.get(user) ?? null;
    const note = (level: string, message: string) => log.push(`${level} ${message}`);
    const gateway = await openGateway({ host: '127.0.0.1', port: 0, tls, findLogin, log: note });
    try {
      const options = `host '127.0.0.1', port '${gateway.port}', dbname 'redis', sslmode 'require', channel_binding 'require'`;
      await sql.query(`CREATE SERVER bound FOREIGN DATA WRAPPER postgres_fdw OPTIONS (${options})`);
      await sql.query(
        // No client certificate: the server of a test may not be allowed to look where libpq would look for one.
        `CREATE USER MAPPING FOR CURRENT_USER SERVER bound
           OPTIONS (user 'link', password '${linkPassword}', sslcert '/nowhere/client.crt')`,
      );
      await sql.query(
        `CREATE FOREIGN TABLE bound (key text, value text) SERVER bound OPTIONS (table_name 'redis')`,
      );
      expect((await sql.query(`SELECT * FROM bound WHERE key = 'a'`)).rows).toEqual([
        { key: 'a', value: '1' },
      ]);

      const eager = new RawClient(gateway.port);
      eager.send(rawMessage('', 80_877_103), rawStartup({ user: 'link' }));
      expect(await eager.byte()).toBe('S');
      // What came before the handshake may be anybody's.
      expect(sqlstateOf(await eager.rest())).toBe('08P01');

      const plain = new RawClient(gateway.port);
      plain.send(rawMessage('', 80_877_103));
      expect(await plain.byte()).toBe('S');
      plain.send(rawStartup({ user: 'link' }));
      await plain.rest();
      expect(await sayThatWeCanNotBind(gateway.port)).toBe('08P01');
    } finally {
      await sql.query('DROP SERVER IF EXISTS bound CASCADE');
      await gateway.close();
    }
  });
});

describe('the owner of the gateway', () => {
  it('closes it though a client does not read', async () => {
    const { logins, log, redis } = test;
    const findLogin = (user: string) => logins.get(user) ?? null;
    const note = (level: string, message: string) => log.push(`${level} ${message}`);
    const gateway = await openGateway({ host: '127.0.0.1', port: 0, findLogin, log: note });
    await redis.hset(
      'wide',
      Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`field ${i}`, 'x'.repeat(300)])),
    );
    const client = new RawClient(gateway.port);
    await client.signIn('link', linkPassword);
    client.socket.pause();
    client.send(rawMessage('Q', `SELECT key, field, value FROM hashes WHERE key = 'wide'`));
    await vi.waitFor(() => expect(client.socket.readableLength).toBeGreaterThan(0));
    await gateway.close();
    expect(gateway.connectionCount).toBe(0);
    client.close();
    await redis.del('wide');
  });
});

describe('a stranger', () => {
  it('who has heard a login can not say it again', async () => {
    const login = async (say: (nonce: string) => string) => {
      const client = open();
      client.send(rawStartup({ user: 'link' }));
      await client.until('R');
      const first = Buffer.from('n,,n=,r=abcdefghijkl');
      client.send(rawMessage('p', 'SCRAM-SHA-256', first.length, first));
      const [, nonce = ''] = /r=([^,]*),/.exec(String((await client.until('R')).at(-1)?.body)) ?? [];
      client.send(rawMessage('p', Buffer.from(say(nonce))));
      return [nonce, sqlstateOf(await client.rest())] as const;
    };
    const proof = Buffer.alloc(32, 7).toString('base64');
    const [heard, wrong] = await login((nonce) => `c=biws,r=${nonce},p=${proof}`);
    expect(wrong).toBe('28P01');
    expect((await login(() => `c=biws,r=${heard},p=${proof}`))[1]).toBe('08P01');
    expect((await login((nonce) => `c=eSws,r=${nonce},p=${proof}`))[1]).toBe('08P01');
  });

  it('who says much before the login is closed', async () => {
    for (const bytes of [
      Buffer.concat([Buffer.from('p'), Buffer.from('7fffffff', 'hex')]),
      rawMessage('p', Buffer.alloc(9_000)),
      rawMessage('Q', 'SELECT 1'),
      rawMessage('p', 'SCRAM-SHA-256', -1),
      rawMessage('p', 'SCRAM-SHA-1', 5, Buffer.from('n,,n=')),
      rawMessage('p', 'SCRAM-SHA-256-PLUS', 5, Buffer.from('p=tls-server-end-point,,n=,r=abc')),
    ]) {
      const client = open();
      client.send(rawStartup({ user: 'link' }), bytes);
      expect(sqlstateOf(await client.rest())).toBe('08P01');
    }
  });
});

describe('bytes that make no sense', () => {
  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a TLS handshake', Buffer.from('16030100f5010000f10303', 'hex')],
    ['zeros', Buffer.alloc(1000)],
    ['a startup packet of 2 GiB', Buffer.from('7fffffff00030000', 'hex')],
    ['a startup packet of a negative length', Buffer.from('ffffffff00030000', 'hex')],
    ['a startup packet of nothing', Buffer.from('0000000400030000', 'hex')],
    ['a startup packet without its end', rawMessage('', 3 << 16, Buffer.from('user'))],
    ['a cancel request without its key', rawMessage('', 80_877_102, Buffer.alloc(2))],
  ])('%s: closed', async (_, bytes) => {
    const client = open();
    client.send(bytes);
    const messages = await client.rest();
    expect(messages.every(({ type }) => type === 'E')).toBe(true);
  });

  it.each([
    ['a message of 1 GiB', Buffer.concat([Buffer.from('Q'), Buffer.from('40000000', 'hex')]), '08P01'],
    [
      'a message of a negative length',
      Buffer.concat([Buffer.from('Q'), Buffer.from('ffffffff', 'hex')]),
      '08P01',
    ],
    ['an unknown type', rawMessage('!', 'x'), '08P01'],
    ['a query without its end', rawMessage('Q', Buffer.from('SELECT 1')), '08P01'],
    [
      'a bind of more than there is',
      Buffer.concat([
        rawMessage('P', '', 'SELECT 1', Buffer.alloc(2)),
        rawMessage('B', '', '', Buffer.from('7fff', 'hex')),
      ]),
      '08P01',
    ],
    ['random bytes', Buffer.from('Qq8f2m3XK2mZ8d0sPqLwYtRrVb'.repeat(40)), '08P01'],
  ])('after the login, %s: an error, and closed', async (_, bytes, sqlstate) => {
    const client = await signIn();
    client.send(bytes);
    expect(sqlstateOf(await client.rest())).toBe(sqlstate);
  });

  it('what is changed at random on its way: answered, refused or closed', { timeout: 60_000 }, async () => {
    let state = 4_711;
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const good = Buffer.concat([
      rawMessage('Q', 'BEGIN'),
      rawMessage(
        'P',
        's',
        'SELECT key, value FROM public.redis WHERE ((key = ANY ($1::text[])))',
        Buffer.alloc(2),
      ),
      rawMessage(
        'B',
        'p',
        's',
        Buffer.from('00000001', 'hex'),
        5,
        Buffer.from('{a,b}'),
        Buffer.from('00010000', 'hex'),
      ),
      rawMessage('D', Buffer.from('Pp\0')),
      ...[rawMessage('E', 'p', 0), rawMessage('S')],
      rawMessage(
        'Q',
        `DECLARE c1 CURSOR FOR SELECT key FROM redis WHERE key ^@ E'a\\\\b' OR value IS DISTINCT FROM 'x'`,
      ),
      ...[rawMessage('Q', 'FETCH 10 FROM c1'), rawMessage('Q', 'CLOSE c1'), rawMessage('Q', 'COMMIT')],
    ]);
    const end = Buffer.concat([rawMessage('d', Buffer.alloc(1_000)), rawMessage('S'), rawMessage('X')]);
    const counts = { answered: 0, errors: 0 };
    for (let i = 0; i < 200; i++) {
      const client = await signIn();
      const bytes = Buffer.from(good);
      for (let changes = 0; changes <= random(4); changes++) {
        bytes[random(bytes.length)] = random(256);
      }
      client.send(bytes, end);
      // A length that has become longer leaves the server waiting for more than will come.
      const messages = (await Promise.race([client.rest(), delay(300)])) ?? [];
      client.close();
      if (messages.some(({ type }) => type === 'E')) counts.errors++;
      else counts.answered++;
    }
    expect(counts.answered).toBeGreaterThan(10);
    expect(counts.errors).toBeGreaterThan(50);
    await vi.waitFor(() => expect(test.gateway.connectionCount).toBeLessThan(5), { timeout: 10_000 });
    expect((await test.sql.query(`SELECT value FROM hredis.redis WHERE key = 'a'`)).rows).toEqual([
      { value: '1' },
    ]);
  });

  it('half a message, then nothing: the others are served, and it ends with its client', async () => {
    const client = await signIn();
    client.send(rawMessage('Q', 'SELECT 1').subarray(0, 7));
    expect((await test.sql.query(`SELECT value FROM hredis.redis WHERE key = 'a'`)).rows).toEqual([
      { value: '1' },
    ]);
    const before = test.gateway.connectionCount;
    client.close();
    await vi.waitFor(() => expect(test.gateway.connectionCount).toBe(before - 1));
  });

  it('a message that arrives byte by byte is understood', async () => {
    const client = await signIn();
    for (const byte of rawMessage('Q', 'SELECT 1')) {
      client.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect((await client.until('Z')).map(({ type }) => type).join('')).toBe('TDCZ');
    client.close();
  });
});

describe('a session', () => {
  it('goes on after errors, and says when its transaction has failed', async () => {
    const client = await signIn();
    expect(sqlstateOf(await query(client, 'SELECT version()'))).toBe('0A000');
    expect((await query(client, '')).map(({ type }) => type).join('')).toBe('IZ');
    await query(client, 'BEGIN');
    const failed = await query(client, 'SELECT nope FROM redis');
    expect(sqlstateOf(failed)).toBe('42703');
    expect(String(failed.at(-1)?.body)).toBe('E');
    expect(sqlstateOf(await query(client, 'SELECT 1'))).toBe('25P02');
    expect(String((await query(client, 'COMMIT')).at(-1)?.body)).toBe('I');
    expect(
      (await query(client, `SELECT key, value FROM redis WHERE key = 'a'`)).map(({ type }) => type).join(''),
    ).toBe('TDCZ');
    client.close();
  });

  it('serves other clients of the extended protocol, a piece at a time', async () => {
    const client = new pg.Client({
      port: test.gateway.port,
      host: '127.0.0.1',
      user: 'link',
      password: linkPassword,
    });
    await client.connect();
    await test.redis.mset('x:1', '1', 'x:2', '2', 'x:3', '3');
    const found = await client.query('SELECT key, value FROM redis WHERE key = ANY ($1)', [
      ['x:1', 'x:3', 'no'],
    ]);
    expect(found.rows.length).toBe(2);
    await expect(client.query('SELECT key FROM redis ORDER BY key')).rejects.toMatchObject({ code: '0A000' });
    await expect(
      client.query({ text: 'SELECT key FROM redis WHERE key = $1', values: [], name: 'p' }),
    ).rejects.toMatchObject({
      code: '08P01',
    });
    expect((await client.query({ text: 'SELECT 1', rowMode: 'array' })).rows).toEqual([['1']]);
    await client.end();

    const raw = await signIn();
    const execute = rawMessage('E', '', 2);
    raw.send(rawMessage('P', '', `SELECT key FROM redis WHERE key ^@ 'x:'`, Buffer.alloc(2)));
    raw.send(rawMessage('B', '', '', Buffer.alloc(6)), execute, execute, rawMessage('S'));
    expect((await raw.until('Z')).map(({ type }) => type).join('')).toBe('12DDsDCZ');
    raw.close();
  });

  it('skips to the next Sync after an error in the extended protocol', async () => {
    const client = await signIn();
    const parse = rawMessage('P', '', 'SELECT nonsense(', Buffer.alloc(2));
    client.send(parse, rawMessage('B', '', '', Buffer.alloc(6)), rawMessage('E', '', 0), rawMessage('S'));
    expect((await client.until('Z')).map(({ type }) => type).join('')).toBe('EZ');
    client.close();
  });

  it('goes on after what is too long, too many or too deep', async () => {
    const client = await signIn();
    const refused = [
      [`SELECT key${', key'.repeat(2_000)} FROM redis`, '54011'],
      [`SELECT key FROM redis WHERE key = 'a'${'::text'.repeat(100_000)}`, '54001'],
      [`SELECT key FROM redis WHERE ${'('.repeat(100_000)}key`, '54001'],
      [`SELECT key FROM redis WHERE key = ANY ('{${'a'.repeat(20_000_000)}')`, '22P02'],
      [`SELECT key FROM redis WHERE key = $70000`, '42601'],
      ['x'.repeat(1_000_000), '0A000'],
    ] as const;
    for (const [sql, sqlstate] of refused) {
      const messages = await query(client, sql);
      expect([sql.slice(0, 40), sqlstateOf(messages)]).toEqual([sql.slice(0, 40), sqlstate]);
      expect(messages.find(({ type }) => type === 'E')?.body.length).toBeLessThan(1_000);
    }
    const many = rawMessage('P', '', 'SELECT key FROM redis WHERE key = $65535', Buffer.alloc(2));
    client.send(many, rawMessage('D', Buffer.from('S\0')), rawMessage('S'));
    const [, described] = await client.until('Z');
    expect([described?.type, described?.body.readUInt16BE(0)]).toEqual(['t', 65_535]);
    expect((await query(client, `SELECT 1`)).map(({ type }) => type).join('')).toBe('TDCZ');
    client.close();
  });

  it('takes no bytes that are no UTF-8 for something else', async () => {
    const client = await signIn();
    await test.redis.set('\ufffd', 'another key');
    const text = Buffer.concat([
      Buffer.from(`SELECT value FROM redis WHERE key = '`),
      Buffer.of(0xff, 0x27, 0),
    ]);
    client.send(rawMessage('Q', text));
    expect(sqlstateOf(await client.until('Z'))).toBe('22021');
    client.send(rawMessage('P', '', 'SELECT value FROM redis WHERE key = $1', Buffer.alloc(2)));
    const value = Buffer.from('00000001' + '00000001' + 'ff' + '0000', 'hex');
    client.send(rawMessage('B', '', '', value), rawMessage('E', '', 0), rawMessage('S'));
    expect(sqlstateOf(await client.until('Z'))).toBe('22021');
    client.close();
  });

  it('ends when all of them ask for too much at once, before it is taken in; others go on', async () => {
    const { logins, log } = test;
    const findLogin = (user: string) => logins.get(user) ?? null;
    const note = (level: string, message: string) => log.push(`${level} ${message}`);
    const limits = { maxStatementBytes: 100_000 };
    const gateway = await openGateway({ host: '127.0.0.1', port: 0, findLogin, log: note, limits });
    const sign = async () => {
      const client = new RawClient(gateway.port);
      await client.signIn('link', linkPassword);
      return client;
    };
    const [first, second, third] = [await sign(), await sign(), await sign()];
    const large = `DECLARE c CURSOR FOR SELECT key FROM redis WHERE key = ANY ('{${'a,'.repeat(30_000)}a}')`;
    await query(first, 'BEGIN');
    expect(sqlstateOf(await query(first, large))).toBeUndefined();
    // Its length is enough: the rest hasn't come.
    second.send(rawMessage('Q', large).subarray(0, 100));
    expect(sqlstateOf(await second.rest())).toBe('53200');
    expect(sqlstateOf(await query(first, 'FETCH ALL FROM c'))).toBeUndefined();
    await query(first, 'COMMIT');
    await query(third, 'BEGIN');
    expect(sqlstateOf(await query(third, large))).toBeUndefined();
    for (const client of [first, third]) client.close();
    await gateway.close();
  });

  it('refuses values in binary', async () => {
    const client = await signIn();
    client.send(rawMessage('P', '', 'SELECT 1', Buffer.alloc(2)));
    client.send(rawMessage('B', '', '', Buffer.from('0000000000010001', 'hex')), rawMessage('S'));
    expect(sqlstateOf(await client.until('Z'))).toBe('0A000');
    client.close();
  });
});

describe('many connections', () => {
  it('of 1,000 that never sign in, none keeps a link from being read', { timeout: 60_000 }, async () => {
    const clients = Array.from({ length: 1_000 }, () => open());
    for (const client of clients) client.send(rawMessage('', 80_877_103));
    await vi.waitFor(() => expect(test.gateway.connectionCount).toBeGreaterThanOrEqual(100), {
      timeout: 10_000,
    });
    // 100 who are signing in, and postgres_fdw.
    expect(test.gateway.connectionCount).toBeLessThanOrEqual(101);
    await test.sql.query('SELECT postgres_fdw_disconnect_all()');
    expect((await test.sql.query(`SELECT value FROM hredis.redis WHERE key = 'a'`)).rows).toEqual([
      { value: '1' },
    ]);
    for (const client of clients) client.close();
    await vi.waitFor(() => expect(test.gateway.connectionCount).toBeLessThan(5), { timeout: 10_000 });
  });

  it('that have signed in are not pushed out: the next one is refused, of a link and of all', async () => {
    const login = test.logins.get('link');
    if (!login) throw new Error('There is no login.');
    for (const user of ['second', 'third']) test.logins.set(user, login);
    await test.sql.query('SELECT postgres_fdw_disconnect_all()');
    const clients: RawClient[] = [];
    const tryAs = async (user: string) => {
      const client = open();
      clients.push(client);
      return sqlstateOf(await client.signIn(user, linkPassword));
    };
    for (let i = 0; i < 15; i++) expect(await tryAs('link')).toBeUndefined();
    expect(await tryAs('link')).toBe('53300');
    for (let i = 0; i < 5; i++) expect(await tryAs('second')).toBeUndefined();
    expect(await tryAs('third')).toBe('53300');
    // A cancel still gets through: it is not told that there is no room.
    const cancel = open();
    cancel.send(rawMessage('', 80_877_102, 1, 1));
    expect(await cancel.rest()).toEqual([]);
    for (const client of clients) client.close();
    await vi.waitFor(() => expect(test.gateway.connectionCount).toBeLessThan(5), { timeout: 10_000 });
    for (const user of ['second', 'third']) test.logins.delete(user);
  });
});
