/** SheetJS writing a workbook of the rows of a JSON file. Prints rows a second. `node sheetjs.ts FILE` */
import { readFileSync } from 'node:fs';
import * as XLSX from 'xlsx';

const [file = ''] = process.argv.slice(2);
const { fields, values } = JSON.parse(readFileSync(file, 'utf8')) as {
  fields: string[];
  values: unknown[][];
};
const start = performance.now();
const workbook = XLSX.utils.book_new();
XLSX.utils.book_append_sheet(workbook, XLSX.utils.aoa_to_sheet([fields, ...values]), 'Sheet1');
XLSX.write(workbook, { type: 'buffer', bookType: 'xlsx', compression: true });
console.log((values.length / (performance.now() - start)) * 1000);
