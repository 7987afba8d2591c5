/**
 * The names of the keys in Redis. All keys of one clip share its hash tag, so that on Redis Cluster they live in
 * one slot and change in one script. Source: Redis Cluster specification, "Hash tags".
 */

/** Sorted set of all clips' positions (store-order.ts), all scores 0. */
export const listingKey = 'pgclip:clips';

/** String: the id of the clip that has, or had, the slug. */
export const slugKey = (slug: string) => `pgclip:slug:${slug}`;

/** String: written to be waited for, in the slot of the key; expires. A clip's keys have its own hash tag. */
export const syncKey = (key: string) => `pgclip:sync:{${/\{(.+?)\}/.exec(key)?.[1] ?? key}}`;

/** Hash: the clip. */
export const clipKey = (clipId: string) => `pgclip:{${clipId}}`;

/** List of JSON: the revisions, oldest first. */
export const revisionsKey = (clipId: string) => `pgclip:{${clipId}}:revisions`;

/** Hash: snapshot id → `<takenAt in µs> <JSON>`. */
export const snapshotsKey = (clipId: string) => `pgclip:{${clipId}}:snapshots`;

/** What the keys of a clip's chunks begin with; the snapshot's id follows. */
export const chunksPrefix = (clipId: string) => `pgclip:{${clipId}}:snapshot:`;

/** List of bytes: the chunks of a published snapshot. */
export const chunksKey = (clipId: string, snapshotId: string) => `${chunksPrefix(clipId)}${snapshotId}`;

/** What the keys of a clip's hashes of encodings begin with; the snapshot's id follows. */
export const encodingsPrefix = (clipId: string) => `pgclip:{${clipId}}:encodings:`;

/** Hash: format → JSON of the snapshot's encoding. */
export const encodingsKey = (clipId: string, snapshotId: string) => `${encodingsPrefix(clipId)}${snapshotId}`;

/** List of bytes: the chunks of a snapshot in a format. */
export const encodingKey = (clipId: string, snapshotId: string, format: string) =>
  `${encodingsKey(clipId, snapshotId)}:${format}`;

/** List of bytes: the chunks of a snapshot, or of an encoding, that is being written; expires. */
export const pendingKey = (clipId: string, writingId: string) => `pgclip:{${clipId}}:pending:${writingId}`;
