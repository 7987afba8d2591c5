/** Archives: every clip with its revisions and snapshots out of the store as one file, and back into a store. */
import type { Store } from '../../domain/ports.ts';
import { type OpenedExport, openExport } from './export-archive.ts';
import { type ImportReport, importArchive } from './import-archive.ts';

export class Archives {
  readonly #store: Store;
  readonly #maxBytes: number;

  /** `maxBytes`: the largest snapshot, as CSV. */
  constructor(options: { readonly store: Store; readonly maxBytes: number }) {
    this.#store = options.store;
    this.#maxBytes = options.maxBytes;
  }

  /** Opens the file of all there is. */
  export(): Promise<OpenedExport> {
    return openExport(this.#store);
  }

  /** As `importArchive`. */
  import(source: AsyncIterable<Uint8Array>, replace: boolean): Promise<ImportReport> {
    return importArchive(source, { store: this.#store, maxBytes: this.#maxBytes, replace });
  }
}
