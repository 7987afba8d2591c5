/** `npm run build`: makes dist/ from the sources. Run in the checkout's root, as npm does. */
import { build } from 'esbuild';
import { bundles, finishDist } from './bundles.mjs';

try {
  await finishDist(await Promise.all(bundles.map((options) => build(options))));
} catch (error) {
  // esbuild has already said what is wrong with the sources.
  if (!Array.isArray(error.errors)) console.error(error);
  process.exitCode = 1;
}
