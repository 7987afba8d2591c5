/** Answers that are kept to be sent again: which ones stay, and that they are bounded whatever is asked. */
import { describe, expect, test } from 'vitest';
import { type HotAnswer, HotAnswers, type HotKey } from '../../src/http/hot-answers.ts';

const mebibyte = 1024 * 1024;

function key(name: string, acceptEncoding?: string): HotKey {
  return { url: `/c/${name}.json`, acceptEncoding };
}

function answer(bytes: number, version = 1): HotAnswer {
  return {
    slug: 'slug',
    clipId: 'clip',
    version,
    snapshotId: 'one',
    headers: {},
    body: new Uint8Array(bytes),
  };
}

describe('an answer', () => {
  test('is found under its URL and what the client accepts, and under nothing else', () => {
    const answers = new HotAnswers();
    const kept = answer(10);
    answers.keep(key('a', 'gzip'), kept);
    expect(answers.find(key('a', 'gzip'))).toBe(kept);
    for (const other of [key('a'), key('a', ''), key('a', 'gzip, br'), key('b', 'gzip'), key('a gzip')])
      expect(answers.find(other)).toBeUndefined();
  });

  test('takes the place of the one before', () => {
    const answers = new HotAnswers();
    answers.keep(key('a'), answer(10, 1));
    answers.keep(key('a'), answer(20, 2));
    expect(answers.find(key('a'))?.version).toBe(2);
  });

  test('is gone when it is forgotten, also one that never was', () => {
    const answers = new HotAnswers();
    answers.keep(key('a'), answer(10));
    answers.forget(key('b'));
    answers.forget(key('a'));
    answers.forget(key('a'));
    expect(answers.find(key('a'))).toBeUndefined();
  });

  test('over a mebibyte is not kept, one of just that is', () => {
    const answers = new HotAnswers();
    answers.keep(key('whole'), answer(mebibyte));
    answers.keep(key('over'), answer(mebibyte + 1));
    expect(answers.find(key('whole'))).toBeDefined();
    expect(answers.find(key('over'))).toBeUndefined();
  });
});

describe('too many answers', () => {
  test('make those go that were not asked for the longest', () => {
    const answers = new HotAnswers();
    for (let n = 0; n < 15; n++) answers.keep(key(`${n}`), answer(mebibyte));
    // Asked for: number 1 is the oldest now.
    expect(answers.find(key('0'))).toBeDefined();
    answers.keep(key('15'), answer(mebibyte));
    const kept = Array.from({ length: 16 }, (_, n) => answers.find(key(`${n}`)) !== undefined);
    expect(kept.flatMap((is, n) => (is ? [] : [n]))).toEqual([1]);
  });

  test('make room again when some are forgotten or replaced', () => {
    const answers = new HotAnswers();
    for (let round = 0; round < 100; round++) {
      answers.keep(key('same'), answer(mebibyte));
      answers.keep(key('forgotten'), answer(mebibyte));
      answers.forget(key('forgotten'));
    }
    for (let n = 0; n < 14; n++) answers.keep(key(`${n}`), answer(mebibyte));
    expect(answers.find(key('same'))).toBeDefined();
  });

  test.each([
    ['short keys', '', 20_000],
    ['keys of 8 KB', 'x'.repeat(8_000), 4_000],
    ['keys of 8 KB outside of Latin-1', 'é→'.repeat(4_000), 4_000],
  ])('are bounded when they are tiny, under %s', (_, tail, count) => {
    const answers = new HotAnswers();
    for (let n = 0; n < count; n++) answers.keep(key(`${n}`, tail), answer(1));
    let kept = 0;
    for (let n = 0; n < count; n++) if (answers.find(key(`${n}`, tail))) kept++;
    expect(kept).toBeGreaterThan(500);
    expect(kept * (2 * tail.length + 1024)).toBeLessThanOrEqual(16 * mebibyte);
    expect(answers.find(key(`${count - 1}`, tail))).toBeDefined();
  });
});
