/** Keys: Ctrl or Cmd+Enter runs the SQL, Tab indents it, `/` goes to the search field. */

/** Escape sets the next Tab free, so that the keyboard is never caught in the editor. */
let tabLeaves = false;

function run(editor: HTMLTextAreaElement): void {
  const button = editor.form?.querySelector<HTMLButtonElement>('[data-run]');
  if (button) editor.form?.requestSubmit(button);
}

function editorKey(event: KeyboardEvent, editor: HTMLTextAreaElement): void {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run(editor);
    return;
  }
  const plainTab =
    event.key === 'Tab' && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
  if (plainTab && !tabLeaves) {
    event.preventDefault();
    // The one way of inserting text that undo knows of; setRangeText where a browser lacks it.
    if (!document.execCommand('insertText', false, '  ')) {
      editor.setRangeText('  ', editor.selectionStart, editor.selectionEnd, 'end');
    }
  }
  tabLeaves = event.key === 'Escape';
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
}

/** Listens for the keys on the whole page. */
export function startKeys(): void {
  document.addEventListener('keydown', (event) => {
    const { target, key } = event;
    if (event.isComposing) return;
    if (target instanceof HTMLTextAreaElement && target.matches('[data-editor]')) {
      editorKey(event, target);
      return;
    }
    if (key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(target)) return;
    const search = document.querySelector<HTMLInputElement>('[data-search]');
    if (!search) return;
    event.preventDefault();
    search.select();
    search.focus();
  });
  document.addEventListener('focusout', () => {
    tabLeaves = false;
  });
}
