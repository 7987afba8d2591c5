/** What to do with a clip's URL: its downloads, and lines to paste into other programs. Needs no sign-in. */
import { Snippet } from './parts.tsx';

/** A format that a clip can be had in. */
export interface ClipFormat {
  /** Also the extension of its URL. */
  readonly name: string;
  readonly title: string;
  readonly mediaType: string;
}

/** Order of the download buttons: what most people want comes first. Formats not named here follow. */
const popularity = ['csv', 'xlsx', 'json', 'ndjson', 'xml'];

function rank(format: ClipFormat): number {
  const at = popularity.indexOf(format.name);
  return at < 0 ? popularity.length : at;
}

/** One link for each format. `url` is the clip's, absolute and without an extension. */
export function Downloads({ url, formats }: { url: string; formats: readonly ClipFormat[] }) {
  return (
    <section class="downloads" aria-label="Downloads">
      <span class="muted" aria-hidden="true">
        Download
      </span>
      <ul>
        {[...formats]
          .sort((a, b) => rank(a) - rank(b))
          .map((format) => (
            <li>
              <a class="button" href={`${url}.${format.name}`} download>
                {format.title}
              </a>
            </li>
          ))}
      </ul>
    </section>
  );
}

interface Recipe {
  readonly program: string;
  readonly hint?: string;
  readonly text: (url: string) => string;
}

/** A clip's URL holds nothing that would need escaping inside quotes: an origin, a slug and an extension. */
const recipes: readonly Recipe[] = [
  {
    program: 'Google Sheets',
    hint: 'Paste it into a cell.',
    text: (url) => `=IMPORTDATA("${url}.csv")`,
  },
  {
    program: 'Excel',
    hint: 'Data › Get Data › From Web, then paste the address.',
    text: (url) => `${url}.csv`,
  },
  { program: 'curl', text: (url) => `curl --fail -OJ '${url}.csv'` },
  { program: 'pandas', text: (url) => `import pandas as pd\n\ndf = pd.read_csv("${url}.csv")` },
  { program: 'R', text: (url) => `df <- read.csv("${url}.csv", check.names = FALSE)` },
  {
    program: 'JavaScript',
    text: (url) =>
      `const response = await fetch("${url}.json");\nif (!response.ok) throw new Error(\`HTTP \${response.status}\`);\nconst rows = await response.json();`,
  },
];

/** Ready-to-paste lines. `url` is the clip's, absolute and without an extension. */
export function UseIt({ url }: { url: string }) {
  return (
    <details class="panel" open>
      <summary>
        <h2>Use it</h2>
      </summary>
      <fieldset class="tabs">
        <legend class="unseen">Program</legend>
        {recipes.map(({ program, hint, text }, index) => (
          <>
            <input type="radio" name="program" id={`use-${index}`} checked={index === 0} autocomplete="off" />
            <label for={`use-${index}`}>{program}</label>
            <div class="pane">
              <Snippet what={`the line for ${program}`} text={text(url)} />
              {hint ? <p class="help">{hint}</p> : null}
            </div>
          </>
        ))}
      </fieldset>
    </details>
  );
}
