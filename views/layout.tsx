/**
 * The frame of every page: head, skip link, header with navigation, banner, footer. Whatever a page loads comes
 * from `/assets`: no inline script, no inline style, no event handler, as the Content-Security-Policy demands.
 */
import type { PropsWithChildren } from 'hono/jsx';
import { raw } from 'hono/utils/html';

/** Who looks at the page. */
export interface Viewer {
  readonly signedIn: boolean;
}

/** What every page is given beside its own props. */
export interface PageContext {
  readonly viewer: Viewer;
  /** A sentence for a banner on top of every page: a database's login is unsafe but allowed. */
  readonly warning?: string | undefined;
}

/** The parts of the navigation; a page says in which it is. */
export type Section = 'clips' | 'new' | 'databases' | 'docs';

const sections: readonly { section: Section; href: string; label: string }[] = [
  { section: 'clips', href: '/', label: 'Clips' },
  { section: 'new', href: '/clips/new', label: 'New clip' },
  { section: 'databases', href: '/databases', label: 'Databases' },
  { section: 'docs', href: '/docs', label: 'API' },
];

/** The mark: a paper clip. Decorative, the wordmark stands beside it. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <rect width="32" height="32" rx="7.5" />
      <path d="M10.5 12.5v7a5.5 5.5 0 0 0 11 0v-9a3.75 3.75 0 0 0-7.5 0v8.75a2 2 0 0 0 4 0V12.5" />
    </svg>
  );
}

function Navigation({ section }: { section?: Section | undefined }) {
  return (
    <>
      <nav aria-label="Main">
        <ul>
          {sections.map((each) => (
            <li>
              <a href={each.href} aria-current={each.section === section ? 'page' : undefined}>
                {each.label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <form class="sign-out" method="post" action="/sign-out">
        <button type="submit" class="quiet">
          Sign out
        </button>
      </form>
    </>
  );
}

export interface LayoutProps extends PageContext {
  /** Of the page, without the product's name. */
  readonly title: string;
  readonly section?: Section | undefined;
  /** `narrow` for forms and prose; a page with a table takes the width it gets. */
  readonly width?: 'narrow' | 'wide' | undefined;
  /** Other forms of the same page, for feed readers and the like: media type → absolute URL. */
  readonly alternates?: readonly { readonly mediaType: string; readonly url: string }[] | undefined;
}

/** A whole HTML document, doctype and all. */
export function Layout(props: PropsWithChildren<LayoutProps>) {
  return (
    <>
      {raw('<!doctype html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <title>{`${props.title} · pgclip`}</title>
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
          <link rel="stylesheet" href="/assets/style.css" />
          {props.alternates?.map(({ mediaType, url }) => (
            <link rel="alternate" type={mediaType} href={url} />
          ))}
          {/* async: a page whose rows still come can be acted on already. */}
          <script type="module" async src="/assets/client.js" />
        </head>
        <body>
          <a class="skip" href="#main">
            Skip to content
          </a>
          {props.warning ? (
            <p class="banner" role="note">
              <strong>Unsafe login.</strong> {props.warning}
            </p>
          ) : null}
          <header class="top">
            <a class="wordmark" href="/">
              <Mark />
              pgclip
            </a>
            {props.viewer.signedIn ? <Navigation section={props.section} /> : null}
          </header>
          <main id="main" class={props.width ?? 'wide'}>
            {props.children}
          </main>
          <footer class="bottom">
            <p>pgclip turns a SQL query into a link.</p>
            {props.viewer.signedIn ? (
              <p>
                <a href="/openapi.json">OpenAPI</a>
              </p>
            ) : null}
          </footer>
          <p id="status" class="unseen" role="status" />
        </body>
      </html>
    </>
  );
}
