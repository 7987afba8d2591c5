/** `pgclip explain`: what of a clip's query runs on which remote. */
import { type ApiExplanation, getApi } from './api.ts';
import { getClip } from './find-clip.ts';
import { cleanText } from './table.ts';
import { printJson, printLine, type Terminal } from './terminal.ts';

/** Runs the clip's query once, throws its rows away, and prints where they came from. */
export async function explain(
  terminal: Terminal,
  text: string,
  options: { readonly json?: boolean; readonly plan?: boolean },
): Promise<void> {
  const api = await getApi(terminal);
  const { id } = await getClip(api, text);
  const explanation = await api.call<ApiExplanation>('GET', `/clips/${id}/explain`);
  if (options.json) return printJson(terminal, explanation);
  for (const sentence of explanation.summary) printLine(terminal, cleanText(sentence));
  if (!options.plan) return;
  printLine(terminal, '');
  // Each line by itself, with the spaces that it begins with.
  for (const line of explanation.plan.trimEnd().split('\n')) {
    const indent = /^ */.exec(line)?.[0] ?? '';
    printLine(terminal, `${indent}${cleanText(line.slice(indent.length))}`);
  }
}
