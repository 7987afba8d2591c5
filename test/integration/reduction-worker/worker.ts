/** A Worker that parses what it is sent, with the module that the build made smaller. */

import { openParser, type SqlParser } from '../../../src/reduction/sql-parser.ts';
import module from './pg-parser.wasm';

let opened: Promise<SqlParser> | undefined;

export default {
  async fetch(request: Request): Promise<Response> {
    opened ??= openParser(module);
    const parser = await opened;
    const sql = await request.text();
    const parsed = parser.parse(sql);
    return Response.json(parsed && { select: parsed.select, first: parsed.indexOf(10) });
  },
};
