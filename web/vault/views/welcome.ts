// vault/views/welcome.ts: the first visit: who are you?
import { el } from '../dom.ts';
import { icon } from '../icons.ts';
import type { Context } from '../page.ts';
import { button, field, form, heading } from '../parts.ts';
import type { Route } from '../route.ts';
import { deviceName } from '../words.ts';

/** Of the core: bytes, so that a name in any script may be shorter. */
const NAME_MAX = 100;

interface UserAgentData { readonly brands?: readonly { readonly brand: string }[] }

function ownDeviceName(): string {
  const { userAgentData } = navigator as Navigator & { userAgentData?: UserAgentData };
  return deviceName(navigator.userAgent, userAgentData?.brands?.map(({ brand }) => brand));
}

/** What it leads to afterwards is where the person was going. */
function reasonOf(route: Route): string | null {
  if (route.at === 'join') return 'You are invited to a space. The identity you create here is who joins it.';
  if (route.at === 'ask') return 'An app waits for your answer. Create your identity first, then you decide what it may do.';
  return null;
}

export function welcomeView({ vault, title, say }: Context, route: Route): HTMLElement {
  title('Create your identity');
  const name = field('Your name', { autocomplete: 'name', maxlength: NAME_MAX, required: true, autocapitalize: 'words' }, 'Members of your spaces see it. You can change it later.');
  const device = field('Name of this device', { value: ownDeviceName(), maxlength: NAME_MAX });
  const create = button('Create identity', null, { kind: 'primary', submit: true });
  const submit = async (): Promise<void> => {
    const text = name.input.value.trim();
    if (text === '') return name.fail({ what: 'A name is needed.', remedy: '' });
    create.setAttribute('aria-busy', 'true');
    try {
      await vault.createIdentity(text, device.input.value.trim());
      say(`You are ${text}. The vault is ready.`);
    } finally {
      create.removeAttribute('aria-busy');
    }
  };
  const reason = reasonOf(route);
  return el('div', { class: 'welcome' },
    el('div', { class: 'welcome-head' }, heading('Create your identity'),
      el('p', { class: 'lead' }, 'This page is your vault: it keeps your identity and your data in this browser, and apps use them only as you allow.'),
      reason !== null && el('p', { class: 'notice' }, reason)),
    form(submit, name.fail, 'card stack', name.node, device.node, create),
    el('p', { class: 'muted small' }, icon('warn'), el('span', {},
      'There is no recovery yet. If the data of this site are cleared from the browser, this identity is gone for good; spaces you shared live on with their other members.')));
}
