/**
 * Content codings: what the client takes, and bodies compressed on their way. Sources: RFC 9110, 12.5.3
 * "Accept-Encoding"; RFC 8878 (zstd).
 */
import zlib from 'node:zlib';

/** In the order in which they are taken when a client likes them equally. */
export type Coding = 'zstd' | 'gzip' | 'identity';

/** zstd came to Node with 22.15; it is faster than gzip at the same size. */
export const liveCodings: readonly Coding[] = 'createZstdCompress' in zlib ? ['zstd', 'gzip'] : ['gzip'];

/** The coding among `offers` that the client likes best, or `identity` when it takes none. */
export function chooseCoding(acceptEncoding: string | undefined, offers: readonly Coding[]): Coding {
  if (!acceptEncoding) return 'identity';
  const qualities = new Map<string, number>();
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const quality = q === undefined ? 1 : Number(q.slice(2));
    qualities.set(name, quality > 0 && quality <= 1 ? quality : 0);
  }
  const qualityOf = (coding: Coding) => qualities.get(coding) ?? qualities.get('*') ?? 0;
  let best: Coding = 'identity';
  let bestQuality = 0;
  for (const coding of [...offers, 'identity'] as const) {
    if (qualityOf(coding) > bestQuality) {
      best = coding;
      bestQuality = qualityOf(coding);
    }
  }
  return best;
}

type Compressor = zlib.Gzip;

function openCompressor(coding: Coding): Compressor {
  const chunkSize = 64 * 1024;
  if (coding === 'gzip') return zlib.createGzip({ level: 1, memLevel: 9, chunkSize });
  const { ZSTD_c_compressionLevel } = zlib.constants;
  return zlib.createZstdCompress({
    chunkSize,
    params: { [ZSTD_c_compressionLevel]: 1 },
  }) as unknown as Compressor;
}

/**
 * The chunks compressed. The first one leaves at once, so that a slow query shows its first rows. Throws what the
 * chunks throw.
 */
export async function* compress(
  chunks: AsyncIterable<Uint8Array>,
  coding: Coding,
): AsyncGenerator<Uint8Array> {
  if (coding === 'identity') {
    yield* chunks;
    return;
  }
  const compressor = openCompressor(coding);
  let ready: Uint8Array[] = [];
  const take = () => {
    const taken = ready;
    ready = [];
    return taken;
  };
  compressor.on('data', (bytes: Uint8Array) => ready.push(bytes));
  // Whoever waits is told by the callbacks below; an error without a listener would end the process.
  compressor.on('error', () => {});
  let first = true;
  try {
    for await (const chunk of chunks) {
      await new Promise<void>((resolve, reject) => {
        compressor.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
      if (first) await new Promise<void>((resolve) => compressor.flush(() => resolve()));
      first = false;
      yield* take();
    }
    await new Promise<void>((resolve, reject) => {
      compressor.once('end', resolve);
      compressor.once('error', reject);
      compressor.end();
    });
    yield* take();
  } finally {
    compressor.destroy();
  }
}
