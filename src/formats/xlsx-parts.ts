/**
 * The parts of a workbook beside its sheets (styles, theme, relations, content types), written by SheetJS from empty
 * sheets. SheetJS writes no fonts, so the bold font of the header is added to its styles here.
 */
import { Buffer } from 'node:buffer';
import { type CellObject, CFB, utils, type WorkSheet, write } from 'xlsx';

/** Number formats of cells in the order in which SheetJS gives them style numbers from 1. */
const numberFormats = ['0', 'yyyy-mm-dd', 'yyyy-mm-dd hh:mm:ss', 'yyyy-mm-dd hh:mm:ss.000'];

/** Style numbers of cells, for their `s` attribute. */
export const cellStyles = { general: 0, whole: 1, date: 2, timestamp: 3, timestampMs: 4, header: 5 } as const;

const boldFont =
  '<font><b/><sz val="12"/><color theme="1"/><name val="Calibri"/><family val="2"/><scheme val="minor"/></font>';
const headerStyle = '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>';

/** Adds a last item to a counted list of styles.xml. */
function appendItem(styles: string, list: string, count: number, item: string): string {
  const open = `<${list} count="${count}">`;
  const end = `</${list}>`;
  if (!styles.includes(open)) throw new Error(`SheetJS did not write ${open} into styles.xml`);
  return styles.replace(open, `<${list} count="${count + 1}">`).replace(end, `${item}${end}`);
}

function addHeaderStyle(styles: string): string {
  const withFont = appendItem(styles, 'fonts', 1, boldFont);
  return appendItem(withFont, 'cellXfs', cellStyles.header, headerStyle);
}

function styledSheet(): WorkSheet {
  const cells = numberFormats.map((z): CellObject => ({ t: 'n', v: 0, z }));
  return utils.aoa_to_sheet([cells]);
}

/** Name of a sheet's part in the archive; sheets are numbered from 1. */
export function sheetPath(number: number): string {
  return `xl/worksheets/sheet${number}.xml`;
}

/** One part of a workbook. */
export interface WorkbookPart {
  /** Path in the archive. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

function writeParts(sheetCount: number): WorkbookPart[] {
  const workbook = utils.book_new();
  for (let number = 1; number <= sheetCount; number++) {
    utils.book_append_sheet(workbook, styledSheet(), `Sheet${number}`);
  }
  const written: ArrayBuffer = write(workbook, { type: 'array', bookType: 'xlsx' });
  const archive = CFB.read(new Uint8Array(written), { type: 'array' });
  const parts: WorkbookPart[] = [];
  for (const [index, path] of archive.FullPaths.entries()) {
    const content = archive.FileIndex[index]?.content;
    const name = path.replace(/^Root Entry\//, '');
    if (!content?.length || name.startsWith('xl/worksheets/') || name.includes('Sh33tJ5')) continue;
    const bytes = Buffer.from(content);
    parts.push({
      name,
      bytes: name === stylesPath ? Buffer.from(addHeaderStyle(bytes.toString())) : bytes,
    });
  }
  return parts;
}

const stylesPath = 'xl/styles.xml';
/** Parts that are the same for any number of sheets. The first says to `file` and its like what the archive is. */
const fixedPaths = ['_rels/.rels', 'docProps/core.xml', stylesPath, 'xl/theme/theme1.xml', 'xl/metadata.xml'];

let fixedParts: readonly WorkbookPart[] | null = null;

/** The parts that can be written before the number of sheets is known. Together with `closingParts` they are all. */
export function openingParts(): readonly WorkbookPart[] {
  fixedParts ??= writeParts(1)
    .filter(({ name }) => fixedPaths.includes(name))
    .sort((a, b) => fixedPaths.indexOf(a.name) - fixedPaths.indexOf(b.name));
  return fixedParts;
}

/** The parts that name the sheets: Sheet1, Sheet2, … */
export function closingParts(sheetCount: number): readonly WorkbookPart[] {
  return writeParts(sheetCount).filter(({ name }) => !fixedPaths.includes(name));
}
