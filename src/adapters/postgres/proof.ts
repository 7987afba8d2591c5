/**
 * Proves that a text is one query: it is declared as a cursor in the extended protocol, in which Postgres parses one
 * statement and no more. Text that has not been proved never gets into any other text.
 * Source: PostgreSQL manual, "DECLARE".
 */
import { AppError } from '../../domain/errors.ts';
import type { Column } from '../../domain/result-set.ts';
import type { ColumnTypes, Field } from './column-types.ts';
import { rawText, type Session } from './session.ts';
import { parseStatement } from './statement.ts';

const declare = 'DECLARE pgclip_run NO SCROLL CURSOR FOR ';

/** Characters of ours before the text while it is proved. */
export const proofPrefixLength: number = declare.length;

/** The one statement of the text, without what stands behind it. Throws `sql_refused` when there is none. */
export function getStatement(sql: string): string {
  if (sql.includes('\0')) throw new AppError('sql_refused', 'The SQL holds a NUL character. Remove it.');
  const statement = parseStatement(sql);
  if (statement === '') {
    throw new AppError('sql_refused', 'The SQL holds no query. Write one SELECT, WITH, VALUES or TABLE.', {
      sql: { sqlstate: '42601', message: 'there is no query in the text', line: 1, column: 1 },
    });
  }
  return statement;
}

/** Proves that the text is one query and tells its columns, without running it. Throws pg's errors. */
export async function prove(session: Session, sql: string, types: ColumnTypes): Promise<Column[]> {
  await session.client.query({ text: declare + sql, queryMode: 'extended' } as never);
  const described = (await session.client.query({
    text: 'FETCH 0 FROM pgclip_run; CLOSE pgclip_run',
    rowMode: 'array',
    types: rawText,
  })) as unknown as { fields: Field[] }[];
  return types.columns(session.client, described[0]?.fields ?? []);
}
