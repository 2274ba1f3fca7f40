// vault/parts.ts: what views are made of: buttons, fields, sections, dialogs. Each is what the browser has for it, so keys and screen readers know it.
import { DxError } from '../client/src/index.ts';
import { el, setText, type Child } from './dom.ts';
import { icon, type IconName } from './icons.ts';
import { hashOf, type Route } from './route.ts';
import { troubleOf, type Trouble } from './words.ts';

export type ButtonKind = 'primary' | 'quiet' | 'danger' | 'plain';

let ids = 0;
/** An id for what is named by another element. */
export const freshId = (): string => `part-${++ids}`;

export interface ButtonOptions {
  kind?: ButtonKind;
  icon?: IconName;
  /** Said instead of the text where that alone does not tell what it is about. */
  label?: string;
  submit?: boolean;
}

/** While what it began is under way it is not pressed again. */
export function button(text: string, press: (() => void | Promise<void>) | null, options: ButtonOptions = {}): HTMLButtonElement {
  const element = el('button', { type: options.submit ? 'submit' : 'button', class: `button ${options.kind ?? 'quiet'}`, 'aria-label': options.label },
    options.icon && icon(options.icon), el('span', {}, text));
  let busy = false;
  if (press) {
    element.addEventListener('click', () => {
      const done = busy ? undefined : press();
      if (!(done instanceof Promise)) return;
      busy = true;
      element.setAttribute('aria-busy', 'true');
      void done.finally(() => {
        busy = false;
        element.removeAttribute('aria-busy');
      });
    });
  }
  return element;
}

export const linkTo = (route: Route, className: string, ...children: Child[]): HTMLAnchorElement =>
  el('a', { href: hashOf(route), class: className }, ...children);

/** A heading and what belongs to it, as a landmark named by the heading. */
export function section(title: string, actions: readonly Child[], ...children: Child[]): HTMLElement {
  const id = freshId();
  return el('section', { class: 'section', 'aria-labelledby': id },
    el('div', { class: 'section-head' }, el('h2', { id }, title), actions.length > 0 && el('div', { class: 'actions' }, ...actions)), ...children);
}

/** Where a list would be: what to do next. */
export const empty = (text: string, ...actions: Child[]): HTMLElement =>
  el('div', { class: 'empty' }, el('p', {}, text), actions.length > 0 && el('div', { class: 'actions' }, ...actions));

/** The heading of a view, which takes the focus when the view comes. */
export const heading = (...children: Child[]): HTMLHeadingElement => el('h1', { tabindex: -1 }, ...children);

// --- Fields ------------------------------------------------------------------------------------------------------------

export interface Field {
  readonly node: HTMLElement;
  readonly input: HTMLInputElement;
  /** Text under the field, said with it; empty: none. */
  fail(trouble: Trouble | null): void;
}

export function field(label: string, attributes: Readonly<Record<string, string | number | boolean | undefined>>, hint = ''): Field {
  const id = freshId(), about = `${id}-about`, wrong = `${id}-wrong`;
  const input = el('input', { type: 'text', id, class: 'input', autocomplete: 'off', ...attributes, 'aria-describedby': `${wrong}${hint === '' ? '' : ` ${about}`}` });
  const error = el('p', { id: wrong, class: 'field-error', role: 'alert' });
  const node = el('div', { class: 'field' }, el('label', { for: id }, label), input, hint !== '' && el('p', { id: about, class: 'hint' }, hint), error);
  return {
    node, input,
    fail(trouble) {
      setText(error, trouble ? [trouble.what, trouble.remedy].filter(Boolean).join(' ') : '');
      if (trouble) {
        input.setAttribute('aria-invalid', 'true');
        input.focus();
      } else {
        input.removeAttribute('aria-invalid');
      }
    },
  };
}

/** A form that does one thing at a time; what it throws is shown by `fail`. */
export function form(submit: () => Promise<void>, fail: (trouble: Trouble | null) => void, className: string, ...children: Child[]): HTMLFormElement {
  let busy = false;
  return el('form', {
    class: className, novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      fail(null);
      submit().catch((error: unknown) => fail(troubleOf(error))).finally(() => { busy = false; });
    },
  }, ...children);
}

// --- Dialogs -----------------------------------------------------------------------------------------------------------

/** Shows it over the page until it is closed, by whatever; focus then is where it was. */
function showDialog(dialog: HTMLDialogElement): Promise<string> {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener('close', () => {
    dialog.remove();
    resolve(dialog.returnValue);
  }, { once: true }));
}

/** Asks before something that cannot be taken back. The safe answer has the focus. */
export async function confirm(title: string, text: string, action: string): Promise<boolean> {
  const id = freshId();
  const dialog: HTMLDialogElement = el('dialog', { 'aria-labelledby': id, 'aria-describedby': `${id}-text` },
    el('h2', { id }, title), el('p', { id: `${id}-text` }, text),
    el('div', { class: 'actions end' }, button('Cancel', () => dialog.close('')), button(action, () => dialog.close('yes'), { kind: 'danger' })));
  return await showDialog(dialog) === 'yes';
}

export interface AskName { title: string; label: string; value?: string; action: string; maxlength: number; hint?: string }

/** Asks for a name; it stays until `take` has done with it what is to be done, or the person gives up. */
export async function askName({ title, label, value = '', action, maxlength, hint }: AskName, take: (name: string) => Promise<void>): Promise<void> {
  const id = freshId(), name = field(label, { value, maxlength, required: true }, hint);
  const submit = async (): Promise<void> => {
    const text = name.input.value.trim();
    if (text === '') return name.fail({ what: 'A name is needed.', remedy: '' });
    await take(text);
    dialog.close('done');
  };
  const dialog: HTMLDialogElement = el('dialog', { 'aria-labelledby': id }, el('h2', { id }, title),
    form(submit, name.fail, 'stack', name.node,
      el('div', { class: 'actions end' }, button('Cancel', () => dialog.close('')), button(action, null, { kind: 'primary', submit: true }))));
  const shown = showDialog(dialog);
  name.input.select();
  await shown;
}

// --- Copying -------------------------------------------------------------------------------------------------------------

const COPIED_FOR_MS = 2000;

/** say: tells who does not see the button change. */
export function copyButton(text: () => string, what: string, say: (text: string) => void): HTMLButtonElement {
  const element = button('Copy', async () => {
    await navigator.clipboard.writeText(text()).then(() => told('Copied'), () => told('Not copied'));
  }, { icon: 'copy', label: `Copy ${what}` });
  const word = element.querySelector('span') as HTMLSpanElement;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = (text: string): void => {
    word.textContent = text;
    element.setAttribute('aria-label', `${text} ${what}`);
  };
  const told = (outcome: string): void => {
    show(outcome);
    say(outcome === 'Copied' ? `Copied ${what}` : 'The browser did not let it be copied; mark and copy it yourself');
    clearTimeout(timer);
    timer = setTimeout(() => show('Copy'), COPIED_FOR_MS);
  };
  element.classList.add('copy');
  return element;
}

// --- Consent -------------------------------------------------------------------------------------------------------------

const ARMED_AFTER_MS = 500;

/**
 * Lets a button be pressed only after the page has been seen and had the focus for half a second: a click that was meant for another window, or the
 * second of a double click, decides nothing. Who presses in a row, or holds a key down, is not reading: as long as that goes on the wait begins anew.
 * `again` begins it anew: what it decides has changed. `allowed`: what else must hold.
 */
export function armed(element: HTMLButtonElement, allowed: () => boolean, listen: (target: EventTarget, type: string, listener: () => void) => void): { again(): void; look(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined, ready = false;
  const show = (): void => { element.disabled = !ready || !allowed(); };
  const attend = (): void => {
    const seen = document.visibilityState === 'visible' && document.hasFocus();
    if (seen && timer !== undefined) return;
    clearTimeout(timer);
    timer = undefined;
    ready = false;
    if (seen) timer = setTimeout(() => { ready = true; show(); }, ARMED_AFTER_MS);
    show();
  };
  const again = (): void => {
    clearTimeout(timer);
    timer = undefined;
    attend();
  };
  for (const type of ['focus', 'blur']) listen(window, type, attend);
  for (const type of ['pointerdown', 'keydown']) listen(document, type, () => { if (!ready) again(); });
  listen(document, 'visibilitychange', attend);
  again();
  return { again, look: show };
}

/** Shows what went wrong beside a button. */
export const failureOf = (error: unknown): string => {
  if (!(error instanceof DxError)) throw error;
  const { what, remedy } = troubleOf(error);
  return [what, remedy].filter(Boolean).join(' ');
};
