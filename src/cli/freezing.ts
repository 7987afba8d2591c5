/**
 * Freezing on the command line: the progress while the snapshot is taken, Ctrl-C that cancels it, and the truth about
 * the clip when nobody said how it ended.
 */
import type { Api, ApiClip, ApiSnapshot } from './api.ts';
import { startFreezeLine } from './progress.ts';
import type { Terminal } from './terminal.ts';
import { type Watched, watchCall } from './watched-call.ts';

const unknown = 'the server does not say now what became of the clip; `pgclip show` tells it later.';

/** Freezes the clip; `clip` is as it was before. Throws CliError. */
export function watchFreeze(
  terminal: Terminal,
  clip: ApiClip,
  options: { readonly json?: boolean },
): Promise<ApiSnapshot> {
  const look = async (api: Api) => {
    const now = await api.call<ApiClip>('GET', `/clips/${clip.id}`);
    const same = now.snapshot?.id === clip.snapshot?.id;
    return same ? 'the clip is as it was.' : 'the clip shows another snapshot than before.';
  };
  return watch(terminal, { path: `/clips/${clip.id}/freeze`, body: {}, look, unknown }, options);
}

/** Saves a clip that is frozen from the start. Throws CliError. */
export function watchCreation(
  terminal: Terminal,
  body: object,
  options: { readonly json?: boolean },
): Promise<ApiClip> {
  const look = async () => 'unless `pgclip clips` lists it, the clip was not saved.';
  return watch(terminal, { path: '/clips', body, look, unknown }, options);
}

function watch<T>(terminal: Terminal, watched: Watched, options: { readonly json?: boolean }): Promise<T> {
  return watchCall(terminal, watched, startFreezeLine, options);
}
