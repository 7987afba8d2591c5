/**
 * A value that a format can't hold. Encoders of single values know the column and the reason; who counts the rows
 * adds the row number and makes the AppError. Neither ever repeats the value: the message is shown to anyone.
 */
import { AppError } from '../domain/errors.ts';

/** Thrown by the encoder of one value; never leaves the formats, see `locateProblem`. */
export class ValueProblem extends Error {
  readonly column: string;

  /** `reason` continues the sentence “Row 1, column "a": …” and says what to do. */
  constructor(column: string, reason: string) {
    super(reason);
    this.column = column;
  }
}

/** The error to throw when the encoding of a row (1-based) threw `error`: `value_not_representable` with its place. */
export function locateProblem(error: unknown, rowNumber: number): unknown {
  if (!(error instanceof ValueProblem)) return error;
  return new AppError(
    'value_not_representable',
    `Row ${rowNumber}, column ${JSON.stringify(error.column)}: ${error.message}`,
  );
}
