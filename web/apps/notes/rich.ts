// apps/notes/rich.ts: a note with formatting: Quill upon its document, with the cursors of others.
import Quill from 'quill/core';
import Bold from 'quill/formats/bold';
import Header from 'quill/formats/header';
import Italic from 'quill/formats/italic';
import List from 'quill/formats/list';
import Strike from 'quill/formats/strike';
import QuillCursors from 'quill-cursors';
import { QuillBinding } from 'y-quill';
import type { Mount } from './note.tsx';

Quill.register({ 'formats/bold': Bold, 'formats/italic': Italic, 'formats/strike': Strike, 'formats/header': Header, 'formats/list': List, 'modules/cursors': QuillCursors });

/** What can be chosen: its name, the format and the value that switches it on. */
const FORMATS = [
  ['Heading', 'header', 2], ['Bold', 'bold', true], ['Italic', 'italic', true], ['Struck out', 'strike', true], ['Bullets', 'list', 'bullet'], ['Numbers', 'list', 'ordered'],
] as const;

export const mountRich: Mount = (parent, text, awareness, mayWrite) => {
  const bar = document.createElement('div'), page = document.createElement('div');
  bar.className = 'formats';
  bar.setAttribute('role', 'toolbar');
  bar.setAttribute('aria-label', 'Formatting');
  parent.append(bar, page);
  const quill = new Quill(page, { modules: { cursors: true, history: { userOnly: true }, toolbar: false }, readOnly: !mayWrite, formats: ['bold', 'italic', 'strike', 'header', 'list'] });
  quill.root.setAttribute('role', 'textbox');
  quill.root.setAttribute('aria-multiline', 'true');
  quill.root.setAttribute('aria-label', 'Text of the note');
  const buttons = FORMATS.map(([name, format, value]) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = name;
    button.className = `format ${format}`;
    button.disabled = !mayWrite;
    button.setAttribute('aria-pressed', 'false');
    button.addEventListener('mousedown', (event) => event.preventDefault()); // the selection stays in the text
    button.addEventListener('click', () => quill.format(format, quill.getFormat()[format] === value ? false : value, 'user'));
    bar.append(button);
    return { button, format, value };
  });
  quill.on('editor-change', () => {
    if (quill.getSelection() === null) return;
    const formats = quill.getFormat();
    for (const { button, format, value } of buttons) button.setAttribute('aria-pressed', String(formats[format] === value));
  });
  const binding = new QuillBinding(text, quill, awareness);
  return () => {
    binding.destroy();
    parent.replaceChildren();
  };
};
