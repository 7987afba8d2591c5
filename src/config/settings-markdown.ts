/** The documentation of the config vars, made of the settings table. `docs/settings.md` must equal it. */
import { type SettingRow, settingsTable } from './settings.ts';

const families: readonly (readonly [name: string, fallback: string, help: string])[] = [
  [
    '`DATABASE_URL`, any `*_URL` with a `postgres://` or `postgresql://` value',
    'none',
    'A database that clips can run against. Its login should be able to read only: `pgclip databases harden` makes one. Secret.',
  ],
  [
    '`<NAME>_OWNER_URL`',
    'none',
    'The privileged login of `<NAME>_URL`, for data links alone, never for the SQL of a clip. Absent: links are read-only. Secret.',
  ],
  [
    'any other `*_URL` with a `redis://` or `rediss://` value',
    'none',
    'A Redis that can be linked as a remote. It may not be the store itself. Secret.',
  ],
];

/** The whole text of `docs/settings.md`. */
export function settingsMarkdown(): string {
  const rows = [...families.map((cells) => cells as readonly string[]), ...settingsTable.map(tableRow)];
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  return `# Config vars

<!-- Made of src/config/settings.ts by \`npx vitest run test/unit/settings.test.ts --update\`; do not edit. -->

pgclip is configured by environment variables alone. They are read once, at start; all problems are reported
together, and a secret is never printed. An empty value is the same as none.

| var | default | meaning |
|---|---|---|
${lines.join('\n')}

The command line also reads \`PGCLIP_URL\` (the server it talks to, default \`http://127.0.0.1:3000\`) and
\`PGCLIP_TOKEN\` (default: \`API_TOKEN\`, else the token that is kept in \`PGCLIP_DIR\`).
`;
}

function tableRow(row: SettingRow): readonly string[] {
  const unit = row.unit === null ? '' : ` ${row.unit}`;
  const notes = [
    row.requiredOnWorkers ? ' Required on Cloudflare Workers.' : '',
    row.secret ? ' Secret.' : '',
  ].join('');
  return [
    `\`${row.name}\``,
    row.default === null ? 'none' : `\`${row.default}\`${unit}`,
    `${row.help}${notes}`,
  ];
}
