/**
 * Freezing without leaving the page: what is sent by the form otherwise is asked of the API, which tells how far it
 * has come. Closing the request cancels the run, and so does leaving the page.
 */
import {
  eventsMediaType,
  type FreezeProgress,
  type WatchedEnd,
  watchEvents,
} from '../../src/domain/server-events.ts';
import { formatBytes, formatCount } from '../text.ts';
import { say } from './status.ts';

/** How often the time is written anew, and how often it is all said to those who can't see it. */
const tickMs = 1000;
const saidEveryMs = 15_000;

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** The parts of the page that a freeze changes. */
interface Place {
  readonly form: HTMLFormElement;
  readonly buttons: HTMLElement;
  readonly panel: HTMLElement;
  readonly figures: HTMLElement;
  readonly cancel: HTMLButtonElement;
  readonly problem: HTMLElement;
}

function findPlace(form: HTMLFormElement): Place | null {
  const find = <E extends HTMLElement>(part: string) =>
    document.querySelector<E>(`[data-freezing="${part}"]`);
  const [buttons, panel, figures, cancel, problem] = [
    find('buttons'),
    find('panel'),
    find('figures'),
    find<HTMLButtonElement>('cancel'),
    find('problem'),
  ];
  if (!buttons || !panel || !figures || !cancel || !problem) return null;
  return { form, buttons, panel, figures, cancel, problem };
}

/** `59 s`, `3 min 5 s` */
function formatTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Writes the figures until it is stopped. */
function startFigures({ figures }: Place): { show(progress: FreezeProgress): void; stop(): void } {
  const startedMs = performance.now();
  let saidMs = Number.NEGATIVE_INFINITY;
  let shown: FreezeProgress = { rows: 0, bytes: 0 };
  const write = () => {
    const nowMs = performance.now();
    const text = [
      formatCount(shown.rows, 'row'),
      formatBytes(shown.bytes),
      formatTime(nowMs - startedMs),
    ].join(' · ');
    figures.textContent = text;
    // Every second would be too much to listen to.
    if (nowMs - saidMs < saidEveryMs) return;
    saidMs = nowMs;
    say(`Freezing: ${text}`);
  };
  write();
  const timer = setInterval(write, tickMs);
  return {
    show(progress) {
      shown = progress;
      write();
    },
    stop: () => clearInterval(timer),
  };
}

async function follow(
  url: string,
  signal: AbortSignal,
  onProgress: (progress: FreezeProgress) => void,
): Promise<WatchedEnd> {
  try {
    const response = await fetch(url, { method: 'POST', headers: { Accept: eventsMediaType }, signal });
    if (!response.ok) return { kind: 'error', problem: await response.json() };
    return response.body ? await watchEvents(response.body, onProgress) : { kind: 'broken' };
  } catch {
    return { kind: 'broken' };
  }
}

/** Whether the clip shows another snapshot than the page was made with; null when nobody says. */
async function hasChanged({ form }: Place): Promise<boolean | null> {
  try {
    const response = await fetch(form.dataset.clip ?? '');
    const clip = (await response.json()) as { snapshot: { id: string } | null };
    return response.ok ? (clip.snapshot?.id ?? '') !== form.dataset.pinned : null;
  } catch {
    return null;
  }
}

function showProblem({ problem }: Place, { title, detail, hint }: Problem): void {
  const lines = [title, detail, hint].filter((line) => line !== undefined);
  problem.replaceChildren(
    ...lines.map((line, index) => {
      const element = document.createElement(index === 0 ? 'strong' : 'p');
      element.textContent = line;
      return element;
    }),
  );
  problem.hidden = false;
}

async function freeze(place: Place): Promise<void> {
  const { form, buttons, panel, cancel, problem } = place;
  const leaving = new AbortController();
  cancel.onclick = () => leaving.abort();
  problem.hidden = true;
  buttons.hidden = true;
  panel.hidden = false;
  cancel.focus();
  const figures = startFigures(place);
  const end = await follow(`${form.dataset.clip}/freeze`, leaving.signal, figures.show);
  figures.stop();
  const changed = end.kind === 'broken' ? await hasChanged(place) : end.kind === 'done';
  if (changed) {
    // The first page of the clip, as the form would lead to.
    location.assign(location.pathname);
    return;
  }
  panel.hidden = true;
  buttons.hidden = false;
  form.querySelector('button')?.focus();
  say(end.kind === 'broken' && changed === false ? 'The clip is as it was.' : '');
  if (end.kind === 'error') showProblem(place, end.problem as Problem);
  else if (changed === null)
    showProblem(place, {
      title: 'The server does not answer',
      detail: 'Reload the page to see whether the clip is frozen.',
    });
  else if (!leaving.signal.aborted)
    showProblem(place, { title: 'The connection broke off', detail: 'The clip is as it was. Try again.' });
}

/** Freezes in place what the forms marked for it would freeze. Has to start before the submit guard. */
export function startFreezing(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.clip === undefined) return;
    const place = findPlace(form);
    if (!place) return;
    event.preventDefault();
    void freeze(place);
  });
}
