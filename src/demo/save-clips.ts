/** Saves the demo's clips through the API, as anyone would save them. */
import type { ApiClip } from '../cli/api.ts';
import type { CallApi } from './api.ts';
import { type DemoClip, demoClips, shopClips } from './clips.ts';

/** The URLs of the clips to look at first. */
export interface DemoClipUrls {
  readonly live: string;
  readonly frozen: string;
  /** Of the one that joins tables of both databases. */
  readonly linked: string;
  /** Of the one that joins rows with what Redis counts; null without a Redis. */
  readonly counted: string | null;
}

/** Saves the clips whose names are not there yet; those of an earlier start stay as they are. */
export async function saveDemoClips(call: CallApi, withShop: boolean): Promise<DemoClipUrls> {
  const urlOf = async (clip: DemoClip): Promise<string> => {
    const search = new URLSearchParams({ q: clip.name });
    const { clips } = await call<{ clips: ApiClip[] }>('GET', `/clips?${search}`);
    const found = clips.find((each) => each.name === clip.name);
    const body = { ...clip, database: 'DATABASE_URL' };
    return (found ?? (await call<ApiClip>('POST', '/clips', body))).url;
  };
  const [first, second, third, ...others] = demoClips;
  const [counter, chart] = shopClips;
  // The list shows the newest first: those to look at first are saved last.
  for (const clip of withShop ? [...others.toReversed(), chart] : others.toReversed()) await urlOf(clip);
  const counted = withShop ? await urlOf(counter) : null;
  const linked = await urlOf(third);
  const frozen = await urlOf(second);
  return { live: await urlOf(first), frozen, linked, counted };
}
