/** Replies of Redis out of bytes that arrive in pieces of any size. */
import { expect, test } from 'vitest';
import { type Reply, ReplyReader } from '../../src/adapters/redis/link-replies.ts';

const large = 'x'.repeat(3_000);
const bytes = Buffer.from(
  `:-2\r\n+OK\r\n$-1\r\n$0\r\n\r\n$4\r\na\r\nb\r\n-WRONGTYPE no\r\n*0\r\n*2\r\n$1\r\n7\r\n*3\r\n$1\r\nk\r\n$-1\r\n:9\r\n$3000\r\n${large}\r\n`,
);
const expected = [-2, 'OK', null, '', 'a\r\nb', 'error WRONGTYPE no', [], ['7', ['k', null, 9]], large];

function plain(reply: Reply | Error): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString();
  if (reply instanceof Error) return `error ${reply.message}`;
  return Array.isArray(reply) ? reply.map(plain) : reply;
}

test.each([1, 2, 3, 7, 64, 1_000, bytes.length])('come whole from pieces of %d bytes', (size) => {
  const replies: unknown[] = [];
  const reader = new ReplyReader((reply) => replies.push(plain(reply)));
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  expect(replies).toEqual(expected);
});

test.each(['HTTP/1.1 200 OK\r\n', ':1a\r\n', '%1\r\n', '*1\r\n'.repeat(20), `+${'x'.repeat(70_000)}`])(
  'that are none are an error (%#)',
  (text) => {
    const reader = new ReplyReader(() => {});
    expect(() => reader.push(Buffer.from(text))).toThrow();
  },
);
