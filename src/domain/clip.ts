/** Clips and their revisions: a saved, named query with a secret URL. */
import { customAlphabet, nanoid } from 'nanoid';
import type { Retention } from './retention.ts';

/** Live: the query runs when it is asked for. Frozen: the clip shows its pinned snapshot. */
export type ClipMode = 'live' | 'frozen';

/** A clip as the store keeps it. */
export interface Clip {
  /** Public and stable; never changes. */
  readonly id: string;
  /** The secret part of the clip's URL. */
  readonly slug: string;
  readonly name: string;
  /** The SQL text of the current revision. */
  readonly sql: string;
  /** Name of the config var of the database it runs against, e.g. `DATABASE_URL`. */
  readonly database: string;
  readonly mode: ClipMode;
  /** Number of the current revision, from 1. */
  readonly revision: number;
  /** The snapshot that a frozen clip shows; null for a live one. */
  readonly snapshotId: string | null;
  /** Which of its snapshots are kept; null: all. */
  readonly retention: Retention;
  /** ISO 8601 UTC with milliseconds. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Counts every change of the clip, so that two changes at once can't overwrite each other. Not in the API. */
  readonly version: number;
}

/** One immutable SQL text of a clip. */
export interface Revision {
  readonly number: number;
  readonly sql: string;
  readonly database: string;
  /** ISO 8601 UTC with milliseconds. */
  readonly createdAt: string;
}

/** Longest name of a clip, in UTF-16 units. */
export const maxNameLength = 200;

// No `-` or `_`: ids are typed into terminals, where a leading dash would be read as an option.
const newPublicId = customAlphabet('23456789abcdefghijkmnpqrstuvwxyz', 12);

/** A new clip or snapshot id: public, 60 bits. */
export function newId(): string {
  return newPublicId();
}

/** A new slug: 22 URL-safe characters, 132 bits. */
export function newSlug(): string {
  return nanoid(22);
}
