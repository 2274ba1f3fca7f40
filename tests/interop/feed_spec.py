# tests/interop/feed_spec.py: the examples of docs/spec/block.md and feed.md made again from the words of those pages, with Python's
# own BLAKE2b and no code of ours. Exits 1 and names the example that differs.
import hashlib
import os
import re
import struct
import sys

SPEC = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "spec")


def example(page, name):
    with open(os.path.join(SPEC, page), encoding="utf-8") as file:
        block = re.search(r"```example %s\n(.*?)```" % name, file.read(), re.S).group(1)
    return bytes.fromhex(re.sub(r"#[^\n]*|\s", "", block))


def hash_of(domain, data, key=b""):
    return hashlib.blake2b(data, digest_size=32, person=domain.encode().ljust(16, b"\0"), key=key).digest()


def number(value):
    return struct.pack("<Q", value)


def feed_id(feed_class):
    return hash_of("dx feed id", b"\x5a" * 32 + b"\x01" * 32 + number(feed_class) + example("feed.md", "feed-key"))


def leaf(feed, seq, header, section_hashes):
    parts = [feed, number(seq), number(len(header)), header, number(len(section_hashes))]
    return hash_of("dx leaf", b"".join(parts + section_hashes))


def section(content):
    return hash_of("dx section", content)


def compare(name, made, page):
    if made != example(page, name):
        sys.exit("%s: example %s is %s here" % (page, name, made.hex()))


control, data = feed_id(0), feed_id(1)
compare("feed-id", data, "feed.md")
plain_header = bytes.fromhex("8701010000008080")
leaves = [leaf(data, seq, plain_header, [section(b"shared %d" % seq)]) for seq in range(3)]
node = hash_of("dx node", number(2) + leaves[0] + leaves[1])
other = leaf(data, 2, plain_header, [section(b"other 2")])
compare("nodes", leaves[0] + leaves[1] + node + leaves[2], "feed.md")
compare("proof", leaves[1] + leaves[2], "feed.md")
root, other_root = (hash_of("dx root", number(3) + node + last) for last in (leaves[2], other))
compare("root", root, "feed.md")

# Heads are [3, root, signature]: 102 bytes, the signature last. Signatures are taken from the page; their bytes are not made here.
exact = example("feed.md", "fork-exact")
heads = {exact[at + 4 : at + 36]: exact[at : at + 102] for at in (2, 104)}
longer, shorter = max(root, other_root), min(root, other_root)
path = {root: leaves[2], other_root: other}
two = b"\x87\x01" + heads[longer] + heads[shorter]
compare("head", heads[root], "feed.md")
compare("fork-exact", two + b"\x02" + b"".join(b"\x58\x20" + part for part in (node, path[longer], path[shorter])), "feed.md")
compare("fork-heads", two + b"\x03\x40\x40\x40", "feed.md")

control_header, data_header = example("block.md", "control-block")[3:55], example("block.md", "data-block")[3:57]
sealed = example("block.md", "sealed-section")
compare("control-leaf", leaf(control, 0, control_header, [section(b"hello")]), "block.md")
compare("data-leaf", leaf(data, 7, data_header, [section(sealed)]), "block.md")
compare("purged-block", b"\x82\x58\x36" + data_header + b"\x81\x81\x58\x20" + section(sealed), "block.md")
siv = hash_of("dx section nonce", data + number(7) + number(0) + b"hello", bytes(range(32)))[:16]
if sealed[:16] != siv:
    sys.exit("block.md: the siv of sealed-section is %s here" % siv.hex())
