/** Which clips use a data link: those whose SQL names its schema, or a view that reads its tables. */
import type { Clip } from '../domain/clip.ts';
import type { ClipStore } from '../domain/ports.ts';
import { findSqlNames, type SqlName } from '../domain/sql-names.ts';

/** What else would be hit if a link went. */
export interface LinkUse {
  /** Clips whose SQL names the link or one of the dependents, newest first. */
  readonly clips: readonly Clip[];
  /** Views and the like in the database that go with the link, as people read them: `view public.paying`. */
  readonly dependents: readonly string[];
}

const pageSize = 200;

/** The clips of a database that use a link or what depends on it, newest first. */
export async function findClipsUsing(
  clips: ClipStore,
  database: string,
  link: string,
  dependents: readonly string[],
): Promise<readonly Clip[]> {
  // The store looks through its SQL itself; what it finds is looked at word by word.
  const words = [link, ...dependents.map((each) => nameOf(each).at(-1) ?? '')].filter((word) => word !== '');
  const found = new Map<string, Clip>();
  for (const word of new Set(words)) {
    for await (const clip of listClips(clips, word.replaceAll('"', '""'))) {
      if (clip.database !== database || found.has(clip.id)) continue;
      const names = findSqlNames(clip.sql);
      if (namesSchema(names, link) || namesDependent(names, dependents)) found.set(clip.id, clip);
    }
  }
  return [...found.values()].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
}

/** Whether something in the schema is named. */
export function namesSchema(names: readonly SqlName[], schema: string): boolean {
  return names.some((name) => name.slice(0, -1).includes(schema));
}

/** Whether one of these is named, with its schema or without one: `view public.paying`. */
export function namesDependent(names: readonly SqlName[], dependents: readonly string[]): boolean {
  return dependents.some((dependent) => namesTable(names, nameOf(dependent)));
}

function namesTable(names: readonly SqlName[], view: SqlName): boolean {
  const [schema, table] = view.length > 1 ? view.slice(-2) : [undefined, view[0]];
  return names.some((name) => {
    const at = name.indexOf(table ?? '');
    return at === 0 || (at > 0 && (schema === undefined || name[at - 1] === schema));
  });
}

/** The name in `materialized view public.paying`: its last words, joined by points. */
function nameOf(dependent: string): SqlName {
  return findSqlNames(dependent).at(-1) ?? [];
}

async function* listClips(clips: ClipStore, query: string): AsyncGenerator<Clip> {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<ClipStore['list']>> = await clips.list({
      limit: pageSize,
      query,
      ...(cursor === null ? {} : { cursor }),
    });
    yield* page.clips;
    cursor = page.next;
  } while (cursor !== null);
}
