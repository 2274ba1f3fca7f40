// apps/frame/people.tsx: who is in a space, and how one more gets in: a link to send, and a PIN to tell by another way.
import { useEffect, useState, type FormEvent } from 'react';
import type { Invitation, Member, Space } from '../../client/src/index.ts';
import { useClient, useIdentity, useInvitationStatus, useMay } from '../../react/src/index.ts';
import { Dialog } from './parts.tsx';
import { joinPage } from './place.ts';

export const nameOf = ({ displayName, identityKey }: Member): string => displayName || identityKey.slice(0, 8);

const HUES = 6; // style.css has as many

export function Avatar({ person }: { person: Member | undefined }) {
  if (person === undefined) return <span className="avatar nobody" aria-hidden="true" />;
  const hue = parseInt(person.identityKey.slice(0, 4), 16) % HUES;
  return <span className={`avatar hue-${hue}`} title={nameOf(person)} aria-hidden="true">{[...nameOf(person)][0]?.toUpperCase()}</span>;
}

/** The people of a space, as a button that opens all about them. */
export function People({ space, people }: { space: Space; people: readonly Member[] }) {
  const me = useIdentity()?.identityKey;
  const [open, setOpen] = useState(false);
  // Kept while the window is closed: the link is on its way to somebody.
  const [invitation, setInvitation] = useState<Invitation<void>>();
  return (
    <>
      <button className="people" onClick={() => setOpen(true)}>
        {people.slice(0, 5).map((person) => <Avatar key={person.identityKey} person={person} />)}
        <span>Share</span>
      </button>
      {open && (
        <Dialog title={`People in ${space.name}`} onClose={() => setOpen(false)}>
          <ul className="members">
            {people.map((person) => (
              <li key={person.identityKey}>
                <Avatar person={person} />
                <span dir="auto">{nameOf(person)}</span>
                <span className="soft">{person.identityKey === me ? `${person.role}, you` : person.role}</span>
              </li>
            ))}
          </ul>
          {invitation === undefined
            ? <button className="main" onClick={() => setInvitation(space.createInvitation())}>Invite somebody</button>
            : <Invite invitation={invitation} onAgain={() => setInvitation(space.createInvitation())} />}
        </Dialog>
      )}
    </>
  );
}

function Invite({ invitation, onAgain }: { invitation: Invitation<void>; onAgain: () => void }) {
  const { status, url, pin, message, error, cancel } = useInvitationStatus(invitation);
  const [copied, setCopied] = useState(false);
  const link = url === undefined ? '' : joinPage(url);
  const copy = (): void => void navigator.clipboard.writeText(link).then(() => setCopied(true), () => undefined);
  const ended = status === 'success' || error !== undefined;
  return (
    <section className="invite">
      {!ended && (
        <>
          <div className="copy">
            <label>Send this link<input readOnly value={link} onFocus={({ target }) => target.select()} /></label>
            <button className="quiet" onClick={copy}>{copied ? 'Copied' : 'Copy'}</button>
          </div>
          <p>Tell this PIN by another way: <output className="pin">{pin}</output></p>
        </>
      )}
      <p role="status" className={error === undefined ? 'soft' : 'wrong'}>{sentence(message)}</p>
      {ended ? <button className="main" onClick={onAgain}>Invite somebody else</button> : <button className="quiet" onClick={cancel}>Withdraw</button>}
    </section>
  );
}

/** Opens at a link that somebody sent; without one it is asked for. */
export function Join({ link, onEnd }: { link: string | undefined; onEnd: (joined: Space | undefined) => void }) {
  const client = useClient(), mayJoin = useMay('join');
  const [invitation, setInvitation] = useState<Invitation<Space>>();
  const { status, message, left, error, result, authenticate } = useInvitationStatus(invitation);
  useEffect(() => { if (result !== undefined) onEnd(result); }, [result]);
  const again = status === 'ready-for-authentication', wrongPin = again && left !== undefined && left < 3;
  const [sending, setSending] = useState(false);
  const waits = sending || (invitation !== undefined && !again && error === undefined);
  const enter = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget), pin = String(fields.get('pin'));
    if (again) {
      setSending(true);
      authenticate(pin).catch(() => undefined).finally(() => setSending(false)); // the status tells
    } else {
      setInvitation(client.acceptInvitation(link ?? String(fields.get('link')).trim(), { pin }));
    }
  };
  const close = (): void => {
    invitation?.cancel();
    onEnd(undefined);
  };
  if (!mayJoin) {
    return (
      <Dialog title="Join a space" onClose={close}>
        <p>You have not allowed this app to join spaces: their members are told who you are.</p>
        <button className="main" onClick={() => void client.requestAccess().catch(() => undefined)}>Ask in my vault</button>
      </Dialog>
    );
  }
  return (
    <Dialog title="Join a space" onClose={close}>
      <form className="join" onSubmit={enter}>
        {link === undefined && <label>The link you were sent<input name="link" required autoComplete="off" /></label>}
        <label>The PIN you were told<input name="pin" className="pin" required inputMode="numeric" pattern="[0-9]{6}" maxLength={6} autoComplete="one-time-code" /></label>
        <p role="status" className={error === undefined && !wrongPin ? 'soft' : 'wrong'}>
          {wrongPin ? `That was not the PIN. You can try ${left === 1 ? 'once' : 'twice'} more.` : `${sentence(message)} ${sentence(error?.remedy)}`}
        </p>
        <button className="main" disabled={waits}>Join</button>
      </form>
    </Dialog>
  );
}

const sentence = (message = ''): string => (message === '' ? '' : `${message[0]?.toUpperCase()}${message.slice(1)}.`);
