/** `npm run dev`: builds, serves, and does both again whenever a source changes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { context } from 'esbuild';
import { bundles, finishDist } from './bundles.mjs';

const latest = new Map();
let server = null;
let restarting = Promise.resolve();

async function restart() {
  if (server && server.exitCode === null && server.signalCode === null) {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
  server = spawn(process.execPath, ['--enable-source-maps', 'bin/pgclip.js', 'serve'], { stdio: 'inherit' });
}

/** Restarts once every bundle has been built without an error. */
const restartOnChange = (options) => ({
  name: 'restart-on-change',
  setup(build) {
    build.onEnd((result) => {
      if (result.errors.length > 0) return;
      latest.set(options, result);
      if (latest.size < bundles.length) return;
      restarting = restarting.then(() => finishDist([...latest.values()])).then(restart);
    });
  },
});

for (const options of bundles) {
  const watched = await context({ ...options, plugins: [restartOnChange(options)] });
  await watched.watch();
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await restarting;
    server?.kill('SIGTERM');
    if (server && server.exitCode === null) await once(server, 'exit');
    process.exit();
  });
}
