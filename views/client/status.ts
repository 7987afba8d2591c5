/** The page's status line, which is heard and not seen. */

/** Has screen readers say a text when they have nothing else to say. */
export function say(text: string): void {
  const status = document.querySelector('#status');
  if (status) status.textContent = text;
}
