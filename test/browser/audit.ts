/**
 * What every page must keep, looked up in the page as the browser shows it: outline and landmarks, names of fields,
 * no scrolling sideways, contrast. The functions named `…InPage` run in the browser and so use nothing from here.
 * Sources: WCAG 2.2, 1.3.1, 1.4.3, 1.4.10, 2.4.1, 2.4.7, 3.3.2; "contrast ratio" and "relative luminance".
 */
import type { Page } from 'playwright-core';

function structureInPage(): string[] {
  const problems: string[] = [];
  const all = <E extends Element>(selector: string) => [...document.querySelectorAll<E>(selector)];
  for (const landmark of ['h1', 'main', 'header', 'footer']) {
    const count = all(landmark).length;
    if (count !== 1) problems.push(`${count} elements <${landmark}>`);
  }
  const navs = all('nav').map((nav) => nav.getAttribute('aria-label'));
  if (new Set(navs).size < navs.length || navs.includes(null))
    problems.push('navs without names of their own');
  if (!document.title || !document.documentElement.lang) problems.push('no title or no language');
  if (!document.querySelector('a[href="#main"]')) problems.push('no way to skip to the content');
  let level = 0;
  for (const heading of all('h1, h2, h3, h4, h5, h6')) {
    const next = Number(heading.tagName.slice(1));
    if (next > level + 1) problems.push(`h${next} after h${level}: ${heading.textContent}`);
    level = next;
  }
  const ids = all('[id]').map(({ id }) => id);
  for (const id of new Set(ids.filter((each, at) => ids.indexOf(each) !== at)))
    problems.push(`id twice: ${id}`);
  for (const field of all<HTMLInputElement>('input:not([type=hidden]), select, textarea'))
    if (!field.labels?.length) problems.push(`field without a label: ${field.name || field.id}`);
  for (const control of all('a, button, summary'))
    if (!(control.getAttribute('aria-label') ?? control.textContent)?.trim())
      problems.push(`no name: ${control.outerHTML.slice(0, 80)}`);
  for (const image of all('img:not([alt]), svg:not([aria-hidden]):not([role])'))
    problems.push(`image without a text: ${image.outerHTML.slice(0, 80)}`);
  const scroller = document.scrollingElement;
  if (scroller && scroller.scrollWidth > innerWidth)
    problems.push(`scrolls sideways: ${scroller.scrollWidth} px in ${innerWidth} px`);
  return problems;
}

function contrastInPage(): string[] {
  type Colour = readonly [number, number, number, number];
  const parse = (text: string): Colour => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
    return [red, green, blue, alpha];
  };
  const over = (top: Colour, under: Colour): Colour => {
    const mix = (at: 0 | 1 | 2) => top[at] * top[3] + under[at] * (1 - top[3]);
    return [mix(0), mix(1), mix(2), 1];
  };
  const channel = (value: number) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]: Colour) =>
    0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const ratio = (one: Colour, other: Colour) => {
    const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const backgroundOf = (element: Element): Colour => {
    const layers: Colour[] = [];
    for (let each: Element | null = element; each; each = each.parentElement)
      layers.push(parse(getComputedStyle(each).backgroundColor));
    return layers.reduceRight<Colour>((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const problems = new Set<string>();
  const check = (element: Element, style: CSSStyleDeclaration, text: string) => {
    const background = backgroundOf(element);
    const [red, green, blue, alpha] = parse(style.color);
    const shown = over([red, green, blue, alpha * Number(style.opacity)], background);
    const sizePx = Number.parseFloat(style.fontSize);
    const large = sizePx >= 24 || (sizePx >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(shown, background);
    if (found < (large ? 3 : 4.5))
      problems.add(`${found.toFixed(2)}:1 ${element.tagName}.${element.className}: ${text.slice(0, 40)}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const { parentElement: element, textContent: text } = node;
    if (element?.checkVisibility() && text?.trim()) check(element, getComputedStyle(element), text);
  }
  for (const field of document.querySelectorAll<HTMLInputElement>('[placeholder]'))
    check(field, getComputedStyle(field, '::placeholder'), field.placeholder);
  return [...problems];
}

/** Everything wrong with the page's structure and width; empty when all is well. */
export async function findStructureProblems(page: Page): Promise<string[]> {
  // Widths are those of the page with its style, not of one that is still coming.
  await page.waitForLoadState('load');
  return page.evaluate(structureInPage);
}

/** Visible texts, placeholders too, with less contrast than level AA asks; empty when all is well. */
export function findContrastProblems(page: Page): Promise<string[]> {
  return page.evaluate(contrastInPage);
}

/** Marks what the keyboard should reach, in document order. A radio group is one stop. */
function markStopsInPage(): string[] {
  const selector = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const stops = [...document.querySelectorAll(selector)].filter(
    (element) => element.checkVisibility() && !element.matches('input[type=radio]:not(:checked)'),
  );
  return stops.map((element, at) => {
    element.setAttribute('data-stop', String(at));
    return `${at} ${element.outerHTML.slice(0, 60)}`;
  });
}

/** The stop that has the focus, and whether one sees it. */
function focusInPage(): { stop: string | null; visible: boolean } | null {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  // A tab's radio button lies unseen under its label.
  const shown = element.matches('.tabs input') ? element.nextElementSibling : element;
  const box = shown?.getBoundingClientRect();
  const style = shown && getComputedStyle(shown);
  const outlined =
    style !== null && style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 1;
  const inView =
    box !== undefined &&
    box.width > 1 &&
    box.bottom > 0 &&
    box.top < innerHeight &&
    box.right > 0 &&
    box.left < innerWidth;
  return { stop: element.getAttribute('data-stop'), visible: outlined && inView };
}

/** Walks the page with the Tab key; what it does not reach, and where one does not see the focus. */
export async function findKeyboardProblems(page: Page): Promise<string[]> {
  const missing = new Map((await page.evaluate(markStopsInPage)).map((text, at) => [String(at), text]));
  const problems: string[] = [];
  while (missing.size > 0) {
    // In the editor Tab indents; Escape sets the next one free.
    if (await page.evaluate(() => document.activeElement?.matches('[data-editor]')))
      await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(focusInPage);
    // Chromium also stops at what scrolls.
    if (focus?.stop === null) continue;
    const text = focus && missing.get(focus.stop);
    // Back at a stop of before, or out of the page: the walk is over.
    if (!focus || !text) break;
    if (!focus.visible) problems.push(`focus is not seen: ${text}`);
    missing.delete(focus.stop);
  }
  return [...problems, ...[...missing.values()].map((text) => `Tab does not reach: ${text}`)];
}
