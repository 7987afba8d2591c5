/** Tar files of ours against the system's tar, and what the reader refuses. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paddingOf, parseTarHeader, tarEnd, tarHeader } from '../../src/services/archive/tar-header.ts';
import { TarReader } from '../../src/services/archive/tar-reader.ts';

const modifiedAt = '2026-01-02T03:04:05.678Z';
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pgclip-tar-'));
});
afterAll(() => rm(dir, { recursive: true }));

const files: readonly (readonly [string, Buffer])[] = [
  ['empty', Buffer.alloc(0)],
  ['one', Buffer.from('1')],
  ['a/block', Buffer.alloc(512, 7)],
  [`${'d'.repeat(60)}/${'e'.repeat(39)}`, Buffer.alloc(1000, 9)],
];

function ours(): Buffer {
  const parts = files.map(([name, bytes]) =>
    Buffer.concat([
      tarHeader(name, bytes.length, modifiedAt),
      bytes,
      new Uint8Array(paddingOf(bytes.length)),
    ]),
  );
  return Buffer.concat([...parts, tarEnd]);
}

/** The bytes in pieces of so many. */
async function* pieces(bytes: Uint8Array, length = bytes.length) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function readAll(bytes: Uint8Array, length?: number) {
  const tar = new TarReader(pieces(bytes, length));
  const read: [string, Buffer][] = [];
  for (let entry = await tar.next(); entry; entry = await tar.next())
    read.push([entry.name, await tar.readAll(10_000)]);
  return read;
}

describe('a tar file of ours', () => {
  it("is unpacked by the system's tar", async () => {
    const file = join(dir, 'ours.tar');
    await writeFile(file, ours());
    const list = execFileSync('tar', ['-tvf', file], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    });
    expect(list.trim().split('\n')).toHaveLength(files.length);
    expect(list).toMatch(/^-rw------- 0\/0 +0 2026-01-02 03:04 empty\n/);
    execFileSync('tar', ['-xf', file, '-C', dir]);
    for (const [name, bytes] of files) expect(await readFile(join(dir, name))).toEqual(bytes);
  });

  it.each([1, 7, 511, 512, 513, 100_000])('is read back, in pieces of %d bytes', async (length) => {
    expect(await readAll(ours(), length)).toEqual(files);
  });

  it('says sizes past 8 GiB', async () => {
    const size = 10 * 2 ** 30 + 1;
    const header = tarHeader('large', size, modifiedAt);
    const file = join(dir, 'large.tar');
    await writeFile(file, header);
    // There is no more of it, so tar complains after it has listed it.
    const list = execFileSync('sh', ['-c', `tar -tvf '${file}' 2>/dev/null || true`], { encoding: 'utf8' });
    expect(list).toContain(` ${size} `);
    expect(await new TarReader(pieces(header)).next()).toEqual({ name: 'large', size });
    const base256 = Buffer.from(tarHeader('large', 0, modifiedAt));
    base256.fill(0, 124, 136);
    base256[124] = 0x80;
    base256.writeBigUInt64BE(BigInt(size), 128);
    base256.fill(' ', 148, 156);
    const sum = base256.reduce((all, byte) => all + byte, 0);
    base256.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    expect(parseTarHeader(base256)).toEqual({ name: 'large', size, type: '0' });
  });
});

describe('the reader', () => {
  it('reads what GNU and POSIX tar write of the same files', async () => {
    for (const format of ['ustar', 'pax', 'v7', 'gnu']) {
      const names = files.map(([name]) => name);
      const tar = execFileSync('tar', ['--format', format, '-cf', '-', '-C', dir, ...names]);
      expect(await readAll(tar, 1000)).toEqual(files);
    }
  });

  it('skips what nobody reads', async () => {
    const tar = new TarReader(pieces(ours(), 100));
    const names: string[] = [];
    for (let entry = await tar.next(); entry; entry = await tar.next()) names.push(entry.name);
    expect(names).toEqual(files.map(([name]) => name));
  });

  it('refuses to read more at once than it was told', async () => {
    const tar = new TarReader(pieces(tarHeader('huge', 100 * 2 ** 30, modifiedAt)));
    await tar.next();
    await expect(tar.readAll(1000)).rejects.toMatchObject({ code: 'archive_invalid' });
    const bytes = Buffer.concat([tarHeader('one', 1, modifiedAt), Buffer.alloc(512)]);
    const small = new TarReader(pieces(bytes));
    await small.next();
    await expect(small.read(2)).rejects.toThrow('one: is too short.');
  });

  it.each([
    ['that is cut in a header', ours().subarray(0, 700), /^empty: the archive ends here/],
    ['that is cut in its contents', ours().subarray(0, 1024), /^one: the archive ends here/],
    ['with a flipped bit in a header', flipped(ours(), 515), /^empty: what follows it is not an entry/],
    ['that is text', Buffer.from('select 1;\n'.repeat(100)), /^This is not a tar file/],
    ['that is compressed', Buffer.concat([Uint8Array.of(0x1f, 0x8b), Buffer.alloc(600)]), /gunzip/],
    ['with a link', typed('2'), /^one: is not a plain file/],
    ['with a folder', typed('5'), /^one: is not a plain file/],
    ['with a pax header that is none', Buffer.concat([typed('x', 5), Buffer.alloc(512, 'x')]), /pax header/],
    ['with a pax header without end', typed('x', 8 ** 11 - 1), /larger than the 65536 bytes/],
  ])('refuses a file %s', async (_, bytes, message) => {
    await expect(readAll(bytes)).rejects.toMatchObject({
      code: 'archive_invalid',
      message: expect.stringMatching(message),
    });
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

/** A header of another type. */
function typed(type: string, size = 0): Buffer {
  const block = Buffer.from(tarHeader('one', size, modifiedAt));
  block.write(type, 156);
  block.fill(' ', 148, 156);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
