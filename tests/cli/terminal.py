#!/usr/bin/env python3
# tests/cli/terminal.py COLUMNS [PATTERN=TEXT…] -- COMMAND…: runs a command on a terminal of its own, types TEXT when PATTERN
# has been shown (in order), prints everything that was shown, and exits as the command did. Thirty seconds at most.
import fcntl, os, pty, select, signal, struct, sys, termios, time

split = sys.argv.index("--")
columns, command = int(sys.argv[1]), sys.argv[split + 1:]
script = [entry.split("=", 1) for entry in sys.argv[2:split]]

pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ["TERM"] = os.environ.get("PRETEND_TERM", "xterm")
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
shown, searched, end = b"", 0, time.time() + 30
while time.time() < end:
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            got = os.read(terminal, 65536)
        except OSError:
            break
        if not got:
            break
        shown += got
    if script and script[0][0].encode() in shown[searched:]:
        searched = len(shown)
        time.sleep(0.1)
        os.write(terminal, script.pop(0)[1].encode().decode("unicode_escape").encode("latin-1"))
else:
    os.kill(pid, signal.SIGKILL)
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
