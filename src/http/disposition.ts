/** File names in answers. Sources: RFC 6266 "Content-Disposition", RFC 8187 "ext-value". */

/** The name without what file systems and headers can't hold; `clip` when nothing is left. */
function toFileName(name: string): string {
  const clean = name
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to take out
    .replace(/[\u0000-\u001f\u007f-\u009f/\\:*?"<>|]+/g, ' ')
    // They could make the name read as if it ended in another extension.
    .replace(/\p{Bidi_Control}/gu, '')
    .replace(/\s+/g, ' ')
    .replace(/^[. ]+|[. ]+$/g, '');
  return [...clean].slice(0, 120).join('') || 'clip';
}

function encodeExtValue(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The header's value: in ASCII for old clients, and as the name really is when that differs. */
export function contentDisposition(kind: 'inline' | 'attachment', name: string, extension: string): string {
  const fileName = `${toFileName(name)}.${extension}`;
  const ascii = fileName
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    // Full-width forms have become plain quotes and slashes only now; some clients decode percent signs.
    .replace(/[^ -~]|["\\/:*?<>|%]/g, '_');
  const exact = ascii === fileName ? '' : `; filename*=UTF-8''${encodeExtValue(fileName)}`;
  return `${kind}; filename="${ascii}"${exact}`;
}
