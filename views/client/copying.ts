/** Copy buttons: each copies what the `[data-copy-source]` of its `.copyable` holds, and says so. */

/** How long a button says what happened. */
const saidMs = 1500;

function sourceOf(button: Element): HTMLElement | null {
  return button.closest('.copyable')?.querySelector<HTMLElement>('[data-copy-source]') ?? null;
}

function textOf(source: HTMLElement): string {
  if (source instanceof HTMLInputElement) return source.value;
  if (source instanceof HTMLAnchorElement) return source.href;
  return source.textContent ?? '';
}

function select(source: HTMLElement): void {
  if (source instanceof HTMLInputElement) source.select();
  else getSelection()?.selectAllChildren(source);
}

async function copy(source: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(textOf(source));
    return true;
  } catch {
    // Pages that are not served over HTTPS have no clipboard: select, so that Ctrl+C does it.
    select(source);
    return false;
  }
}

function say(button: HTMLElement, text: string): void {
  const status = document.querySelector('#status');
  button.textContent = text;
  if (status) status.textContent = text;
  setTimeout(() => {
    button.textContent = 'Copy';
    if (status) status.textContent = '';
  }, saidMs);
}

/** Makes the copy buttons work, and lets a click into a read-only field select all of it. */
export function startCopying(): void {
  document.addEventListener('click', async ({ target }) => {
    if (!(target instanceof HTMLElement)) return;
    if (target instanceof HTMLInputElement && target.readOnly) target.select();
    const button = target.closest<HTMLElement>('[data-copy]');
    const source = button && sourceOf(button);
    if (button && source) say(button, (await copy(source)) ? 'Copied' : 'Selected');
  });
}
