/** The commands and options of `pgclip`, as commander needs them. What they do is in the other files. */
import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { exportClips, importClips } from './archive-commands.ts';
import * as clip from './clip-commands.ts';
import { databases, harden } from './database-commands.ts';
import { formatNames, get } from './download.ts';
import { explain } from './explain-command.ts';
import { gateway } from './gateway.ts';
import * as link from './link-commands.ts';
import { links } from './link-list.ts';
import { serve } from './serve.ts';
import { CliError, type Terminal } from './terminal.ts';
import { verify } from './verify-command.ts';

const environmentHelp = `
Environment:
  PGCLIP_URL    the server to talk to (default: http://127.0.0.1:3000)
  PGCLIP_TOKEN  its API token (default: API_TOKEN, or the one that a server made in this directory)

"serve" reads config vars: see docs/settings.md.`;

const gatewayHelp = `
Environment:
  GATEWAY_PORT  the port at which databases reach it
  API_TOKEN     that of the other pgclip
  *_URL         the linked Redis, by the names that they have there

The other pgclip finds it at its GATEWAY_ADDRESS: see docs/redis-links.md.`;

const clipHelp = 'id, name, slug or URL of the clip';
const localHelp = 'config var of the database, such as DATABASE_URL';

/** The command line; throws CommanderError instead of ending the process. */
export function makeProgram(terminal: Terminal): Command {
  const program = new Command('pgclip')
    .description('Turns a SQL query into a link.')
    .version(packageJson.version, '-V, --version', 'print the version')
    .addHelpText('after', environmentHelp)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'pgclip: ')),
    });
  addServers(program, terminal);
  addClips(program, terminal);
  addClipChanges(program, terminal);
  addDatabases(program, terminal);
  addLinks(program, terminal);
  addArchives(program, terminal);
  return program;
}

function addServers(program: Command, terminal: Terminal): void {
  program
    .command('serve')
    .description('serve with the config vars of the environment')
    .action(() => serve(terminal));
  program
    .command('gateway')
    .description('only let databases read linked Redis, beside a pgclip that does the rest elsewhere')
    .addHelpText('after', gatewayHelp)
    .action(() => gateway(terminal));
  program
    .command('demo')
    .description('serve a database full of real data, to look around')
    .action(async () => (await import('../demo/demo.ts')).runDemo(terminal));
}

function addClips(program: Command, terminal: Terminal): void {
  program
    .command('clips')
    .description('list the clips, newest first')
    .option('-q, --query <text>', 'only those with the text in their name or SQL')
    .option('--json', 'as JSON')
    .action((options) => clip.clips(terminal, options));
  program
    .command('create')
    .description('save a clip and print its URL')
    .argument('[sql]', 'the SQL; - reads it from stdin')
    .requiredOption('-n, --name <name>', 'its name')
    .option('-f, --file <file>', 'file with the SQL; - is stdin')
    .option('-d, --database <name>', 'config var of its database, such as DATABASE_URL')
    .option('--frozen', 'take a snapshot now and show that')
    .option('--json', 'as JSON')
    .action((sql, options) => clip.create(terminal, sql, options));
  program
    .command('show')
    .description('show a clip')
    .argument('<clip>', clipHelp)
    .option('--json', 'as JSON')
    .action((text, options) => clip.show(terminal, text, options));
  program
    .command('get')
    .description("download a clip's rows, to stdout or into a file")
    .argument('<clip>', `${clipHelp}; a URL needs no token`)
    .option('--format <format>', `${formatNames.join(', ')} (default: of -o, of the URL, or csv)`)
    .option('-o, --output <file>', 'write into a file, which is there only when it is whole')
    .action((text, options) => get(terminal, text, options));
  program
    .command('verify')
    .description('read every snapshot and compare it with its fingerprint')
    .argument('[clips...]', `${clipHelp}; default: all clips`)
    .option('--json', 'as JSON')
    .action((texts, options) => verify(terminal, texts, options));
  program
    .command('explain')
    .description("run a clip's query and tell what of it ran on which remote")
    .argument('<clip>', clipHelp)
    .option('--plan', "with Postgres's own plan")
    .option('--json', 'as JSON')
    .action((text, options) => explain(terminal, text, options));
  program
    .command('open')
    .description('open a clip in the browser')
    .argument('<clip>', clipHelp)
    .action((text) => clip.open(terminal, text));
}

function addClipChanges(program: Command, terminal: Terminal): void {
  program
    .command('edit')
    .description('change the SQL, the name, the database or the retention of a clip')
    .argument('<clip>', clipHelp)
    .argument('[sql]', 'the new SQL; - reads it from stdin')
    .option('-f, --file <file>', 'file with the new SQL; - is stdin')
    .option('-n, --name <name>', 'the new name')
    .option('-d, --database <name>', 'config var of the new database')
    .option('--keep <which>', 'snapshots to keep, beside the one it shows: all, last:10 or days:30')
    .option('--json', 'as JSON')
    .action((text, sql, options) => clip.edit(terminal, text, sql, options));
  const changes = [
    ['freeze', 'take a snapshot and show that from now on', clip.freeze],
    ['thaw', 'run the query again whenever the clip is asked for', clip.thaw],
    ['rotate', 'give the clip a new URL, which is printed; the old one dies', clip.rotate],
  ] as const;
  for (const [name, description, change] of changes) {
    program
      .command(name)
      .description(description)
      .argument('<clip>', clipHelp)
      .option('--json', 'as JSON')
      .action((text, options) => change(terminal, text, options));
  }
  program
    .command('rm')
    .description('remove a clip with its revisions and snapshots')
    .argument('<clip>', clipHelp)
    .option('-y, --yes', "don't ask")
    .action((text, options) => clip.remove(terminal, text, options));
}

/** For a command that does something without a sub-command: commander would only count the words. Throws CliError. */
function refuseUnknown(command: Command): void {
  const [word] = command.args;
  if (word === undefined) return;
  const has = command.commands.map((each) => each.name()).join(', ');
  throw new CliError(`${command.name()} has no command ${JSON.stringify(word)}. It has ${has}.`, 2);
}

function addDatabases(program: Command, terminal: Terminal): void {
  const command = program
    .command('databases')
    .description('list the databases of the server')
    .option('--json', 'as JSON')
    .allowExcessArguments()
    .action((options, own: Command) => {
      refuseUnknown(own);
      return databases(terminal, options);
    });
  command
    .command('harden')
    .description('make a login that can only read, and print its URL')
    .argument('<database>', 'config var (its <NAME>_OWNER_URL is used if set) or a Postgres URL')
    .action((database) => harden(terminal, database));
}

function addLinks(program: Command, terminal: Terminal): void {
  const command = program
    .command('links')
    .description('list the data links of every database, each beside its remote')
    .option('--json', 'as JSON')
    .allowExcessArguments()
    .action((options, own: Command) => {
      refuseUnknown(own);
      return links(terminal, options);
    });
  // commander takes a sub-command's `--json` for that of `links`; together they are right.
  const all = (own: Command) => own.optsWithGlobals();
  command
    .command('create')
    .description('link a remote into a database, as a schema of its own')
    .argument(
      '<remote>',
      'config var of the remote: a Postgres such as WAREHOUSE_URL or a Redis such as CACHE_URL',
    )
    .argument('<local>', localHelp)
    .option(
      '--as <name>',
      "the link's name (default: that of the remote's database; for CACHE_URL, a Redis, cache)",
    )
    .option('--schema <schema>', 'of a Postgres: its schema (default: "public")')
    .option(
      '--prefix <text>',
      'of a Redis: only its keys that begin so, shown without it (default: every key)',
    )
    .option('--writable', "of a Redis: let SQL of the database's owner change it, though never a clip's")
    .option('--json', 'as JSON')
    .action((remote, local, _, own) => link.create(terminal, remote, local, all(own)));
  command
    .command('refresh')
    .description('bring a link to what its remote is now, and repair it')
    .argument('[local]', localHelp)
    .argument('[name]', "the link's name")
    .option('--all', 'every link of every database')
    .option('--dry-run', 'only tell what would change')
    .option('--json', 'as JSON')
    .action((local, name, _, own) => link.refresh(terminal, local, name, all(own)));
  command
    .command('destroy')
    .description('remove a link and what in the database depends on it')
    .argument('<local>', localHelp)
    .argument('<name>', "the link's name")
    .option('--confirm <name>', "the link's name again, instead of being asked for it")
    .action((local, name, _, own) => link.destroy(terminal, local, name, all(own)));
}

function addArchives(program: Command, terminal: Terminal): void {
  program
    .command('export')
    .description('write every clip, revision and snapshot into one file')
    .argument('<file>', 'a tar file, which is there only when it is whole; - is stdout')
    .action((file) => exportClips(terminal, file));
  program
    .command('import')
    .description('bring in the clips of such a file')
    .argument('<file>', 'the file; - is stdin')
    .option('--replace', 'let its clips take the place of those with their ids')
    .option('--json', 'as JSON')
    .action((file, options) => importClips(terminal, file, options));
}
