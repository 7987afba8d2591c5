/** Finds the clip that a person means: by its id, its URL, its slug or its name, if only one has it. */
import { type Api, type ApiClip, ApiError } from './api.ts';
import { CliError } from './terminal.ts';

/** Where a clip URL points to. */
export interface ClipUrl {
  /** The URL without extension: of the clip or of one snapshot. */
  readonly base: URL;
  readonly slug: string;
  readonly extension: string | null;
}

/** Takes a clip URL apart; null when the text is none. */
export function parseClipUrl(text: string): ClipUrl | null {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const base = new URL(text);
  const match = /^(.*\/c\/([\w-]+)(?:\/s\/\w+)?)(?:\.(\w+))?\/?$/.exec(base.pathname);
  if (!match) return null;
  base.pathname = match[1] ?? '';
  base.hash = '';
  return { base, slug: match[2] ?? '', extension: match[3] ?? null };
}

/** Every clip that the search finds, newest first; all pages. */
export async function* listClips(api: Api, query?: string): AsyncGenerator<ApiClip> {
  let cursor: string | null = null;
  do {
    const parameters = new URLSearchParams();
    if (query) parameters.set('q', query);
    if (cursor) parameters.set('cursor', cursor);
    const page: { clips: ApiClip[]; next: string | null } = await api.call('GET', `/clips?${parameters}`);
    yield* page.clips;
    cursor = page.next;
  } while (cursor);
}

/** The clip that `text` means. Throws CliError when there is none, or more than one of that name. */
export async function getClip(api: Api, text: string): Promise<ApiClip> {
  const url = parseClipUrl(text);
  const found = url ? await findBySlug(api, url.slug) : await findByWord(api, text);
  if (!found) throw new CliError(`there is no clip ${JSON.stringify(url ? 'of this URL' : text)}.`);
  return found;
}

async function findByWord(api: Api, text: string): Promise<ApiClip | null> {
  return (await findById(api, text)) ?? (await findByName(api, text)) ?? (await findBySlug(api, text));
}

async function findById(api: Api, text: string): Promise<ApiClip | null> {
  if (!/^[a-z0-9]{12}$/.test(text)) return null;
  try {
    return await api.call<ApiClip>('GET', `/clips/${text}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

async function findByName(api: Api, name: string): Promise<ApiClip | null> {
  const named: ApiClip[] = [];
  for await (const clip of listClips(api, name)) if (clip.name === name) named.push(clip);
  if (named.length > 1)
    throw new CliError(
      `${named.length} clips have the name ${JSON.stringify(name)}; use an id: ${named.map((clip) => clip.id).join(', ')}.`,
    );
  return named[0] ?? null;
}

async function findBySlug(api: Api, slug: string): Promise<ApiClip | null> {
  if (!/^[\w-]{16,}$/.test(slug)) return null;
  for await (const clip of listClips(api)) if (clip.slug === slug) return clip;
  return null;
}
