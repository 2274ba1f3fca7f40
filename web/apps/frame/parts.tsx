// apps/frame/parts.tsx: what every part of an app's page is made of.
import { createContext, useCallback, useContext, useEffect, useId, useRef, useState, type FormEvent, type KeyboardEvent, type ReactNode } from 'react';

/** Other programs write too: what is no text is shown as none. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** One line to type into; Enter hands it over and empties it. */
export function Entry({ label, action, onEnter }: { label: string; action: string; onEnter: (text: string) => void }) {
  const [text, setText] = useState('');
  const enter = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() !== '') onEnter(text.trim());
    setText('');
  };
  return (
    <form className="entry" onSubmit={enter}>
      <input value={text} onChange={(event) => setText(event.target.value)} placeholder={label} aria-label={label} autoComplete="off" enterKeyHint="done" />
      <button disabled={text.trim() === ''}>{action}</button>
    </form>
  );
}

/** A text that is edited where it stands: Enter, or leaving it, keeps what was typed, Escape takes it back. */
export function Editable({ label, value, onKeep }: { label: string; value: string; onKeep: (text: string) => void }) {
  const [draft, setDraft] = useState<string | null>(null);
  const keep = (): void => {
    const text = draft?.replace(/\s+/g, ' ').trim() ?? '';
    if (text !== '' && text !== value) onKeep(text);
    setDraft(null);
  };
  const press = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.key === 'Escape') setDraft(null);
    if (event.key !== 'Enter' || event.nativeEvent.isComposing) return;
    event.preventDefault();
    event.currentTarget.blur();
  };
  return (
    <textarea className="editable" rows={1} dir="auto" placeholder="Untitled" aria-label={label} value={draft ?? value} onChange={(event) => setDraft(event.target.value)} onBlur={keep} onKeyDown={press} />
  );
}

/** Tells who does not see it where something was moved to. */
export function Moved({ moved }: { moved: { item: { title: string }; place: number } | null }) {
  return <p className="unseen" role="status">{moved && `“${textOf(moved.item.title)}” is number ${moved.place} now`}</p>;
}

/** By which a row is dragged, and moved by buttons when it is pressed: by key, by screen reader, by who cannot drag. */
export function Grip({ title, onPress }: { title: string; onPress: () => void }) {
  return <button className="grip" aria-label={`Move ${title}`} aria-haspopup="dialog" onClick={onPress} />;
}

/** Moves something by buttons. place: from 0, of count. */
export function Mover({ title, place, count, onMove, onClose }: { title: string; place: number; count: number; onMove: (to: number) => void; onClose: () => void }) {
  const ways = [['To the top', 0], ['Up', place - 1], ['Down', place + 1], ['To the end', count - 1]] as const;
  return (
    <Dialog title={`Move “${title}”`} onClose={onClose}>
      <p role="status">Number {place + 1} of {count}</p>
      <div className="ways">
        {ways.map(([name, to]) => {
          const may = to >= 0 && to < count && to !== place;
          return <button key={name} className="quiet" aria-disabled={!may} onClick={() => { if (may) onMove(to); }}>{name}</button>; // it keeps the focus at the end of the way
        })}
      </div>
    </Dialog>
  );
}

/** A window over the page, for as long as it is rendered. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null), heading = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={onClose} onClick={({ target }) => { if (target === dialog.current) onClose(); }}>
      <div className="sheet">
        <h2 id={heading}>{title}</h2>
        {children}
        <button className="icon close" aria-label="Close" onClick={onClose} />
      </div>
    </dialog>
  );
}

/** Says something at the page's foot for a while, with a way back where there is one. */
export type Say = (text: string, undo?: () => void) => void;

const SAID_MS = 10_000;
const SayContext = createContext<Say>(() => undefined);
export const useSay = (): Say => useContext(SayContext);

export function SayProvider({ children }: { children: ReactNode }) {
  const [said, setSaid] = useState<{ text: string; undo: (() => void) | undefined } | null>(null);
  const say = useCallback<Say>((text, undo) => setSaid({ text, undo }), []);
  useEffect(() => {
    const timer = setTimeout(() => setSaid(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const undo = (): void => {
    said?.undo?.();
    setSaid(null);
  };
  return (
    <SayContext.Provider value={say}>
      {children}
      <div role="status">
        {said && (
          <div className="said">
            <span>{said.text}</span>
            {said.undo && <button onClick={undo}>Undo</button>}
          </div>
        )}
      </div>
    </SayContext.Provider>
  );
}
