/**
 * Excel: a workbook whose sheets are streamed row by row into one deflate stream each. The rows that don't fit into a
 * sheet go on in the next one; the parts that name the sheets are written after them. Source: ECMA-376 part 1;
 * Microsoft, "Excel specifications and limits".
 */
import { Buffer } from 'node:buffer';
import { AppError } from '../domain/errors.ts';
import type { ResultSet, Row } from '../domain/result-set.ts';
import type { Format } from './format.ts';
import { owningStream } from './owned-stream.ts';
import { locateProblem } from './value-problem.ts';
import { closingParts, openingParts, sheetPath } from './xlsx-parts.ts';
import { countSample, type SheetBody, sheetBody } from './xlsx-sheet.ts';
import { type ZipPiece, zipStream } from './zip-stream.ts';

/** Where a sheet ends and the next one begins. */
export interface SheetLimits {
  /** Rows below the header. */
  readonly maxRows: number;
  /** Of the sheet's XML, after which it ends: far enough below 4 GiB, which an entry must not reach, for a last row. */
  readonly maxBytes: number;
}

/** Excel's own limit of 1,048,576 rows, header included. */
export const excelSheetLimits: SheetLimits = { maxRows: 1_048_575, maxBytes: 2 ** 31 };

const maxColumns = 16_384;

/** In UTF-16 units of XML. Of more, the many small strings no longer fit into the processor's cache: a tenth slower. */
const pieceLength = 65_536;

/** The sheets of one result set as they grow; holds the XML that has not left yet. */
class SheetWriter {
  private readonly body: SheetBody;
  private readonly limits: SheetLimits;
  private text: string;
  private rowsInSheet = 0;
  private bytesInSheet = 0;
  private rowCount = 0;
  sheetCount = 1;

  constructor(body: SheetBody, limits: SheetLimits) {
    this.body = body;
    this.limits = limits;
    this.text = body.head;
  }

  private take(): ZipPiece {
    const bytes = Buffer.from(this.text);
    this.text = '';
    this.bytesInSheet += bytes.length;
    return { name: sheetPath(this.sheetCount), bytes };
  }

  /** Takes rows and gives the pieces that are full. Throws `value_not_representable`. */
  *append(rows: readonly Row[]): Generator<ZipPiece> {
    for (const row of rows) {
      if (this.rowsInSheet === this.limits.maxRows || this.bytesInSheet > this.limits.maxBytes) {
        yield this.end();
        this.sheetCount++;
        this.text = this.body.head;
        this.rowsInSheet = 0;
        this.bytesInSheet = 0;
      }
      this.rowCount++;
      try {
        // The header is row 1 of the sheet.
        this.text += this.body.encodeRow(row, ++this.rowsInSheet + 1);
      } catch (error) {
        throw locateProblem(error, this.rowCount);
      }
      if (this.text.length >= pieceLength) yield this.take();
    }
  }

  /** The last piece of the sheet. */
  end(): ZipPiece {
    this.text += this.body.tail;
    return this.take();
  }
}

/** The same batches, the first of them joined until the widths can be measured by them. */
async function* joinFirst(batches: AsyncIterable<readonly Row[]>): AsyncGenerator<readonly Row[]> {
  let first: Row[] | null = [];
  for await (const batch of batches) {
    if (first === null) yield batch;
    else {
      for (const row of batch) first.push(row);
      if (countSample(first) === null) continue;
      yield first;
      first = null;
    }
  }
  if (first !== null && first.length > 0) yield first;
}

async function* workbookPieces(result: ResultSet, limits: SheetLimits): AsyncGenerator<ZipPiece> {
  const { columns } = result;
  if (columns.length > maxColumns) {
    throw new AppError(
      'too_many_columns',
      `The result has ${columns.length} columns and a sheet of Excel holds 16,384. Choose another format.`,
    );
  }
  let writer: SheetWriter | null = null;
  for await (const batch of joinFirst(result.batches)) {
    if (writer) {
      yield* writer.append(batch);
    } else {
      writer = new SheetWriter(sheetBody(columns, batch), limits);
      // The first batch is encoded whole before a byte leaves, so that what it can't hold gets a real status.
      const pieces = [...writer.append(batch)];
      yield* openingParts();
      yield* pieces;
    }
  }
  if (!writer) {
    writer = new SheetWriter(sheetBody(columns, []), limits);
    yield* openingParts();
  }
  yield writer.end();
  yield* closingParts(writer.sheetCount);
}

/** The workbook as a stream; `limits` other than Excel's own are for tests. Closes the result set on every path. */
export function streamWorkbook(result: ResultSet, limits: SheetLimits): AsyncIterable<Uint8Array> {
  return owningStream(result, zipStream(workbookPieces(result, limits)));
}

export const xlsx: Format = {
  name: 'xlsx',
  title: 'Excel',
  mediaType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  options: {},
  compressed: true,
  nestedJson: false,
  encode: (result) => streamWorkbook(result, excelSheetLimits),
};
