/**
 * The short way of an answer on Node: what the app has left in HotAnswers, sent by node:http itself. It says nothing
 * that the app would not say at the same moment; without it a small frozen clip is served half as fast.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClipStore } from '../domain/ports.ts';
import type { HotAnswers } from './hot-answers.ts';

export interface HotSource {
  readonly hotAnswers: HotAnswers;
  readonly clips: Pick<ClipStore, 'findBySlug'>;
  /** Answers what can't be answered here: the app. */
  readonly otherwise: (request: IncomingMessage, response: ServerResponse) => unknown;
}

/**
 * Sends an answer that was sent before, if its clip is still what it was: one question to the store, and nothing of
 * the app. False when there is none; then nothing has been done.
 */
export function sendHot(
  { hotAnswers, clips, otherwise }: HotSource,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { method, url = '', headers } = request;
  if (method !== 'GET' || headers['if-none-match'] !== undefined) return false;
  const key = { url, acceptEncoding: headers['accept-encoding'] };
  const hot = hotAnswers.find(key);
  if (!hot) return false;
  clips
    .findBySlug(hot.slug)
    .then((clip) => {
      // The version alone does not tell: a store that has lost its latest writes counts the same ones again.
      const same = clip?.version === hot.version && clip.snapshotId === hot.snapshotId;
      if (same && clip.id === hot.clipId) {
        response.writeHead(200, hot.headers).end(hot.body);
      } else {
        hotAnswers.forget(key);
        otherwise(request, response);
      }
    })
    // The app says what is wrong with the store.
    .catch(() => otherwise(request, response));
  return true;
}
