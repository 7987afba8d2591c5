/**
 * Making and refreshing data links without losing sight of them: the form's own request is sent with events asked for,
 * how far it has come is shown, and in the end the page that the form would have led to takes the place of this one.
 */
import type { LinkProgress } from '../../src/domain/data-link.ts';
import { eventsMediaType, watchEvents } from '../../src/domain/server-events.ts';
import { formatNumber } from '../text.ts';
import { say } from './status.ts';

/** How it ended: another page to go to, or this one as it is now. */
type Outcome = { readonly location: string } | { readonly page: string; readonly url: string };

const stepWords: Readonly<Record<LinkProgress['step'], string>> = {
  'reading the remote': 'Reading the remote',
  'making tables': 'Making tables',
  'taking statistics': 'Taking statistics',
};

interface Panel {
  readonly whole: HTMLElement;
  readonly bar: HTMLProgressElement;
  readonly figures: HTMLElement;
  readonly cancel: HTMLButtonElement;
}

function findPanel(form: HTMLFormElement): Panel | null {
  const whole = document.getElementById(form.dataset.work ?? '');
  const [bar, figures, cancel] = [
    whole?.querySelector('progress'),
    whole?.querySelector('p'),
    whole?.querySelector('button'),
  ];
  return whole && bar && figures && cancel ? { whole, bar, figures, cancel } : null;
}

function show({ bar, figures }: Panel, { step, done, total }: LinkProgress): void {
  const counted = total > 0 ? `: ${formatNumber(done)} of ${formatNumber(total)}` : '';
  figures.textContent = stepWords[step] + counted;
  if (total > 0) [bar.max, bar.value] = [total, done];
  else bar.removeAttribute('value');
}

/** Puts what a page has between its header and its footer in the place of what this one has. */
function showPage({ page, url }: Extract<Outcome, { page: string }>): void {
  const next = new DOMParser().parseFromString(page, 'text/html');
  const main = next.querySelector('main');
  if (!main) {
    location.assign(url);
    return;
  }
  const field = main.querySelector<HTMLElement>('[autofocus]');
  // It is for pages that are loaded; in this one something has had the focus.
  field?.removeAttribute('autofocus');
  document.title = next.title;
  history.replaceState(null, '', url);
  document.querySelector('main')?.replaceWith(main);
  if (!field) scrollTo(0, 0);
  field?.focus();
  say(main.querySelector('#done, [role="alert"] h2')?.textContent ?? '');
}

async function request(form: HTMLFormElement, fields: URLSearchParams, panel: Panel): Promise<void> {
  const leaving = new AbortController();
  panel.cancel.onclick = () => leaving.abort();
  const { signal } = leaving;
  const headers = { Accept: eventsMediaType };
  try {
    const response = await fetch(form.action, { method: 'POST', headers, body: fields, signal });
    // Signed out meanwhile, for example: the page that says so is the answer.
    if (!response.headers.get('Content-Type')?.startsWith(eventsMediaType) || !response.body)
      return void location.assign(response.redirected ? response.url : location.href);
    const end = await watchEvents<LinkProgress>(response.body, (progress) => show(panel, progress));
    if (end.kind === 'done') {
      const outcome = end.data as Outcome;
      if ('page' in outcome) showPage(outcome);
      else location.assign(outcome.location);
      return;
    }
  } catch {
    // Nobody knows what has become of it but the server.
  }
  location.reload();
}

/** Shows how far the forms marked for it have come. Has to start before the submit guard. */
export function startLinkWork(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset.work === undefined) return;
    const panel = findPanel(form);
    if (!panel) return;
    event.preventDefault();
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === 'string') fields.append(name, value);
    form.hidden = true;
    panel.whole.hidden = false;
    panel.cancel.focus();
    say('Reading the remote');
    void request(form, fields, panel);
  });
}
