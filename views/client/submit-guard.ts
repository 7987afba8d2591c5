/** A form that was sent is not sent a second time while its answer is awaited. */

/** Forms on their way, with the button that sent them. */
const underWay = new Map<HTMLFormElement, HTMLElement | null>();

function release(): void {
  for (const button of underWay.values()) button?.removeAttribute('aria-busy');
  underWay.clear();
}

/** Guards every form that posts. The guard ends when the page is shown again or Escape stops the loading. */
export function startSubmitGuard(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target;
    // Another script sees to it.
    if (event.defaultPrevented) return;
    if (!(form instanceof HTMLFormElement) || form.method !== 'post') return;
    if (underWay.has(form)) {
      event.preventDefault();
      return;
    }
    underWay.set(form, event.submitter);
    event.submitter?.setAttribute('aria-busy', 'true');
  });
  addEventListener('pageshow', release);
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') release();
  });
  // A run that was stopped by the browser's own button: the next change means a new try.
  addEventListener('input', release);
}
