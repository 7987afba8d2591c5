/** What a request finds around it: the parts that its entry (Node or a Worker) put together. */
import type { Context } from 'hono';
import type { Log } from '../domain/ports.ts';
import type { Services } from '../services/services.ts';
import type { HotAnswers } from './hot-answers.ts';

/** Handed to the app with each request; on Node always the same, in a Worker made for the request. */
export interface Parts {
  readonly services: Services;
  readonly apiToken: string;
  /** The origin that URLs are written with; null: the request's. */
  readonly publicUrl: string | null;
  readonly log: Log;
}

export interface AppEnv {
  Bindings: {
    parts: Parts;
    /** Where answers are left to be sent again; absent where nothing outlives a request. */
    hotAnswers?: HotAnswers;
    /** Cuts the connection of this answer at once; absent where the runtime does it for a stream that fails. */
    breakOff?: () => void;
    /** Told of work that goes on when its answer is not wanted any more; absent where nothing ends it then. */
    outlive?: (work: Promise<unknown>) => void;
  };
}

/** Headers of every answer: a URL may hold a slug, so it is told to nobody. */
export const everyHeader = {
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** Headers of every answer at a clip's URL, errors too. */
export const everyClipHeader = { 'X-Robots-Tag': 'noindex' } as const;

export type AppContext = Context<AppEnv>;

/** The origin that URLs in answers begin with. */
export function originOf(c: AppContext): string {
  return c.env.parts.publicUrl ?? new URL(c.req.url).origin;
}
