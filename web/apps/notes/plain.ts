// apps/notes/plain.ts: a note as plain text: CodeMirror 6 upon its document, with the cursors of others.
import { defaultKeymap } from '@codemirror/commands';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, keymap } from '@codemirror/view';
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next';
import type { Mount } from './note.tsx';

export const mountPlain: Mount = (parent, text, awareness, mayWrite) => {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text.toString(),
      extensions: [
        keymap.of([...yUndoManagerKeymap, ...defaultKeymap]), drawSelection(), EditorView.lineWrapping, EditorState.readOnly.of(!mayWrite), EditorView.editable.of(mayWrite),
        EditorView.contentAttributes.of({ 'aria-label': 'Text of the note', spellcheck: 'true', autocapitalize: 'sentences', dir: 'auto' }),
        yCollab(text, awareness),
      ],
    }),
  });
  return () => view.destroy();
};
