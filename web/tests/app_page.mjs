// tests/app_page.mjs: an app's page as a person uses it: opened in a browser of one's own, and the frame that apps share (web/apps/frame).
import assert from 'node:assert/strict';
import { done, makeIdentity, openVault } from './bare_vault.mjs';
import { until } from './harness.mjs';

export const DESK = { width: 1180, height: 780 };

/** A browser with a person, whose vault allows the app before it asks. */
export async function openApp(t, kube, app, name, options = { viewport: DESK }) {
  const profile = await t.launchProfile(options), vault = await openVault(profile, kube), origin = kube.origin(app);
  await makeIdentity(vault, name, kube);
  await done(vault, { do: 'app.grant', origin, scopes: ['identity', 'create', 'join'] });
  const page = await profile.newPage();
  await page.goto(origin);
  return { profile, vault, page };
}

export const button = (page, name) => page.getByRole('button', { name, exact: true });

export async function enter(page, label, ...texts) {
  for (const text of texts) {
    await page.getByLabel(label, { exact: true }).fill(text);
    await page.getByLabel(label, { exact: true }).press('Enter');
  }
}

/** Types the PIN and joins until there is the end that is waited for: on a busy machine a connection may be lost, and the page says so and waits for another press. */
async function joinBy(page, pin, what, ended) {
  await page.getByLabel('The PIN you were told').fill(pin);
  await until(what, async () => {
    if (await ended.isVisible()) return true;
    if (await button(page, 'Join').isEnabled({ timeout: 1000 }).catch(() => false)) await button(page, 'Join').click();
    return ended.waitFor({ timeout: 1000 }).then(() => true, () => false);
  });
}

/** Ada shares her space by what her page shows, and Bob joins by what his page asks. */
export async function shareByPage(t, app, space, ada, bob) {
  await ada.page.getByRole('button', { name: 'Share' }).click();
  await button(ada.page, 'Invite somebody').click();
  const link = await until('a link', () => ada.page.getByLabel('Send this link').inputValue());
  const pin = await until('a PIN', () => ada.page.locator('output.pin').textContent());
  assert.ok(link.startsWith(`${new URL(ada.page.url()).origin}/#join=`), link);
  await t.look(ada.page, `${app}-share`);

  await bob.page.goto(link);
  await joinBy(bob.page, pin === '000000' ? '111111' : '000000', 'a wrong PIN is refused', bob.page.getByText('That was not the PIN. You can try twice more.'));
  await t.look(bob.page, `${app}-join`);
  const from = Date.now();
  await joinBy(bob.page, pin, 'the right one lets in', button(bob.page, space));
  t.figure(`${app}: from the PIN to the space`, Date.now() - from, 'ms', { atMost: 3000 });
  await ada.page.getByText('The guest has joined.').waitFor();
  await until('two members', async () => (await ada.page.locator('.members li').count()) === 2);
  await button(ada.page, 'Close').click();
}
