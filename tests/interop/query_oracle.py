# tests/interop/query_oracle.py: random questions to a vault, each answered a second time here by looking at everything its export holds, from
# the words of docs/spec/query.md and with no code of ours. query_oracle.py PROGRAM [QUESTIONS] [SEED]; PROGRAM is query_lines. Objects are
# written in between, indexes come and go. Exits 1 and shows the question, the answer and what was expected.
import base64
import json
import random
import subprocess
import sys
import tempfile
import unicodedata
from fractions import Fraction

SPACES = ["S", "T"]
TYPES = ["a", "b", None]
LINKS = ["l", "m", None]
PATHS = ["n", "s", "m.k", "m", "t", "list", "ref", "x\\.y"]
NUMBERS = [0, 1, 2, 2.0, 2.5, -1, 7, -0.5, 2**53, 2**53 + 1, 2.0**53, 2**60, -(2**60) - 1, 1e300]
TEXTS = ["", "a", "ab", "abc", "b", "ä", "a\u0308", "z" * 140, "z" * 139 + "y", "a\u0000b", "\ud7ff", "\ue000", "\uffff", "\U0001f600", "a\u200d", "ab\U0010ffff"]
WORDS = ["old", "Old", "house", "HOUSE", "houses", "garden", "g\u00e4rden", "ga\u0308rden", "caf\u00e9", "cafe", "x1", "\u65e5\u672c", "\u03a9mega", "stra\u00dfe"]
TIMES = ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.5Z", "2020-02-29T12:00:00Z", "1969-12-31T23:59:59Z"]


class Vault:
    def __init__(self, program, folder):
        self.process = subprocess.Popen([program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the vault ended at %s" % json.dumps(command))
        answer = json.loads(line, parse_float=Real)
        return answer["rows"], answer["reply"]


class Real(float):
    """A number written with a fraction or an exponent."""


# --- Values: a class and something that Python orders as the page says --------------------------------------------

NULL, BOOL, NAN, NUMBER, TIME, TEXT, BYTES, REFERENCE, ARRAY, MAP = range(10)


def rank(value):
    if value is None:
        return (NULL, 0)
    if isinstance(value, bool):
        return (BOOL, value)
    if isinstance(value, (int, float)):
        return (NUMBER, Fraction(value))
    if isinstance(value, str):
        return (TEXT, value.encode())
    if isinstance(value, list):
        return (ARRAY, repr([exact(item) for item in value]))
    if list(value) == ["@time"]:
        return (TIME, moment(value["@time"]))
    if list(value) == ["@ref"]:
        return (REFERENCE, id_key(value["@ref"].rstrip("!")) + (value["@ref"].endswith("!"),))
    if list(value) == ["@bytes"]:
        return (BYTES, base64.urlsafe_b64decode(value["@bytes"] + "=" * (-len(value["@bytes"]) % 4)))
    return (MAP, repr(exact(value)))


def exact(value):
    """Inside arrays and maps 2 and 2.0 are two values; a time is one however it is written."""
    if isinstance(value, dict) and list(value) == ["@time"]:
        return ("@time", str(moment(value["@time"])))
    if isinstance(value, dict):
        return sorted((key, exact(item)) for key, item in value.items())
    if isinstance(value, list):
        return [exact(item) for item in value]
    return (type(value).__name__ if isinstance(value, (bool, int)) else "", repr(value))


def moment(text):
    from datetime import datetime, timezone

    whole, _, part = text[:-1].partition(".")
    seconds = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    return Fraction(seconds) + (Fraction(int(part), 10 ** len(part)) if part else 0)


MISSING = object()


def parts(path):
    out, part, escaped = [], "", False
    for c in path:
        if escaped:
            part, escaped = part + c, False
        elif c == "\\":
            escaped = True
        elif c == ".":
            out, part = out + [part], ""
        else:
            part += c
    return out + [part]


def look(entity, path):
    here = entity["data"]
    for part in parts(path):
        if not isinstance(here, dict) or part not in here or (len(here) == 1 and part.startswith("@")):
            return MISSING
        here = here[part]
    return here


TERMS = {}  # of the questions in words that were drawn

# --- Full text -----------------------------------------------------------------------------------------------------


def words_of(text):
    """Letters and digits make words, without regard to case and accents."""
    out, word = [], ""
    for c in unicodedata.normalize("NFD", text).lower():
        if unicodedata.category(c)[0] in "LN":
            word += c
        elif unicodedata.category(c) != "Mn":
            out, word = out + [word], ""
    return [one for one in out + [word] if one]


def words_of_entity(entity):
    data = entity["data"]
    keys = sorted((key for key in data if isinstance(data[key], str)), key=lambda key: (len(key.encode()), key.encode()))
    return [word for key in keys for word in words_of(data[key])]


def times(words, term):
    """How often a term (words one after another, the last perhaps a beginning) stands in some words."""
    wanted, begins = term
    hits = 0
    for i in range(len(words) - len(wanted) + 1):
        here = words[i : i + len(wanted)]
        hits += here[:-1] == wanted[:-1] and (here[-1].startswith(wanted[-1]) if begins else here[-1] == wanted[-1])
    return hits


def text_holds(entity, terms):
    words = words_of_entity(entity)
    return all((times(words, term) > 0) != unwanted for unwanted, term in terms)


def draw_text(rng):
    """A question in words, and the same as terms."""
    out, terms = [], []
    for i in range(rng.choice([1, 1, 2, 3])):
        unwanted, begins = i > 0 and rng.random() < 0.4, rng.random() < 0.3
        words = [rng.choice(WORDS) for _ in range(2 if rng.random() < 0.25 else 1)]
        if begins:
            words[-1] = words[-1][: rng.randrange(1, len(words[-1]) + 1)]
        quoted = '"%s"' % " ".join(words) if len(words) > 1 or rng.random() < 0.2 else words[0]
        out.append("-" * unwanted + quoted + "*" * begins)
        terms.append((unwanted, ([one for word in words for one in words_of(word)], begins)))
    return " ".join(out), terms


# --- Judging -------------------------------------------------------------------------------------------------------


def operator_holds(value, name, with_what):
    if name == "exists":
        return (value is not MISSING) == with_what
    if value is MISSING:
        return False
    if name == "in":
        return any(rank(value) == rank(one) for one in with_what)
    if name == "has":
        return isinstance(value, list) and any(rank(one) == rank(with_what) for one in value)
    mine, other = rank(value), rank(with_what)
    if name == "prefix":
        return mine[0] == other[0] and mine[1].startswith(other[1])
    if name in ("eq", "ne"):
        return (mine == other) == (name == "eq")
    if mine[0] != other[0]:
        return False
    return {"gt": mine[1] > other[1], "ge": mine[1] >= other[1], "lt": mine[1] < other[1], "le": mine[1] <= other[1]}[name]


def is_operators(condition):
    return isinstance(condition, dict) and not (len(condition) == 1 and list(condition)[0].startswith("@"))


def where_holds(entity, where):
    for path, condition in where.items():
        value = look(entity, path)
        operators = condition if is_operators(condition) else {"eq": condition}
        if not all(operator_holds(value, name, what) for name, what in operators.items()):
            return False
    return True


def condition_holds(entity, condition):
    for key, value in condition.items():
        if key == "where":
            holds = where_holds(entity, value)
        elif key == "and":
            holds = all(condition_holds(entity, one) for one in value)
        elif key == "or":
            holds = any(condition_holds(entity, one) for one in value)
        elif key == "not":
            holds = not condition_holds(entity, value)
        elif key == "parent":
            holds = "source" not in entity and entity["parent"] == value
        elif key in ("type", "id", "source", "target"):
            holds = key in entity and entity[key] == value
        else:
            holds = True
        if not holds:
            return False
    return True


def matches(entity, query):
    kind = query.get("kind") or ("link" if "source" in query or "target" in query else "any" if "id" in query and "parent" not in query else "object")
    if "follow" in query or "path" in query:
        kind = "object"
    if kind != "any" and kind != ("link" if "source" in entity else "object"):
        return False
    deleted = query.get("deleted", "hide")
    if deleted != "show" and entity["deleted"] != (deleted == "only"):
        return False
    if "type" not in query and (entity["type"] or "").startswith("dx."):
        return False
    if "text" in query and not text_holds(entity, TERMS[query["text"]]):
        return False
    return condition_holds(entity, query)


class World:
    def __init__(self, rows):
        self.rows = rows
        self.by_id = {row["id"]: row for row in rows}
        self.links = [row for row in rows if "source" in row and not row["deleted"]]

    def visible(self, id, named=None):
        row = self.by_id.get(id)
        return row is not None and "source" not in row and not row["deleted"] and (named is not None or not (row["type"] or "").startswith("dx."))

    def references(self, row, path):
        value = look(row, path)
        values = value if isinstance(value, list) else [value]
        return {one["@ref"].rstrip("!") for one in values if isinstance(one, dict) and list(one) == ["@ref"]}

    def step(self, here, step):
        out = set()
        for way, end, start in (("out", "target", "source"), ("in", "source", "target")):
            if way in step:
                for link in self.links:
                    named = link["type"] == step[way] if step[way] is not None else not (link["type"] or "").startswith("dx.")
                    if named and link[start] in here:
                        out.add(link[end])
        if "children" in step or "descendants" in step:
            out |= {row["id"] for row in self.rows if row.get("parent") in here and row.get("parent") is not None}
        if "parent" in step or "ancestors" in step:
            out |= {self.by_id[id]["parent"] for id in here if self.by_id[id]["parent"] is not None}
        if "ref" in step:
            for id in here:
                out |= self.references(self.by_id[id], step["ref"])
        if "referrers" in step:
            out |= {row["id"] for row in self.rows if "source" not in row and self.references(row, step["referrers"]) & here}
        return {id for id in out if self.visible(id)}

    def follow(self, here, step):
        ends = {key: value for key, value in step.items() if key in ("type", "where", "and", "or", "not")}
        repeat = step.get("repeat", True if "ancestors" in step or "descendants" in step else 1)
        reached, front = set(), here
        for _ in range(64 if repeat is True else repeat):
            front = self.step(front, step) - reached
            reached |= front
            if not front:
                break
        return {id for id in reached if condition_holds(self.by_id[id], ends)}

    def distance(self, starts, query):
        to = {row["id"] for row in self.rows if matches(row, dict(query["to"], kind="object"))}
        way = {key: query[key] for key in ("out", "in") if key in query} or {"out": None}
        seen, front, hops = set(starts), set(starts), 0
        while front:
            if front & to:
                return hops
            if hops == query.get("max", 64):
                return None
            front = self.step(front, way) - seen
            seen |= front
            hops += 1
        return None


def id_key(id):
    seq, index, feed = id.split("-")
    return (feed, int(seq), int(index))


class Turned:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return other.value < self.value

    def __eq__(self, other):
        return self.value == other.value


def order_key(orders, row):
    out = []
    for order in orders:
        path = order if isinstance(order, str) else order["path"]
        value = look(row, path)
        missing = value is MISSING
        key = () if missing else rank(value)
        descending = not isinstance(order, str) and order.get("descending", False)
        out.append((missing, key if missing or not descending else Turned(key)))
    return out + [id_key(row["id"])]


# --- Drawing -------------------------------------------------------------------------------------------------------


def draw_reference(rng, ids):
    return {"@ref": rng.choice(ids) + "!" * (rng.random() < 0.3)}


def draw_value(rng, ids, deep=True):
    kinds = [lambda: rng.choice(NUMBERS), lambda: rng.choice(NUMBERS), lambda: rng.choice(TEXTS), lambda: rng.choice([True, False, None]),
             lambda: {"@time": rng.choice(TIMES)}, lambda: {"@bytes": rng.choice(["", "AA", "AAEC"])}]
    if ids:
        kinds.append(lambda: draw_reference(rng, ids))
    if deep:
        kinds.append(lambda: [draw_value(rng, ids, False) for _ in range(rng.randrange(3))])
    return rng.choice(kinds)()


def draw_data(rng, ids):
    data = {}
    for key in rng.sample(["n", "s", "t", "list", "x.y"], rng.randrange(4)):
        data[key] = draw_value(rng, ids)
    if rng.random() < 0.7:
        data["n"] = rng.choice(NUMBERS)
    if rng.random() < 0.3:
        data["m"] = {"k": draw_value(rng, ids)}
    if ids and rng.random() < 0.4:
        data["ref"] = draw_reference(rng, ids) if rng.random() < 0.7 else [draw_reference(rng, ids), 1]
    if rng.random() < 0.6:
        data["w"] = rng.choice([" ", ", ", "\n"]).join(rng.choice(WORDS) for _ in range(rng.randrange(1, 6)))
    return data


def draw_condition(rng, ids):
    name = rng.choice(["=", "eq", "ne", "gt", "ge", "lt", "le", "prefix", "in", "has", "exists", "range"])
    scalar = lambda: rng.choice([rng.choice(NUMBERS), rng.choice(NUMBERS), rng.choice(TEXTS), {"@time": rng.choice(TIMES)}, True])
    if name == "=":
        return draw_value(rng, ids)
    if name in ("eq", "ne"):
        return {name: draw_value(rng, ids) if rng.random() < 0.9 else {"k": rng.choice(NUMBERS)}}
    if name == "prefix":
        return {name: rng.choice(["", "a", "ab", "z" * 130, "\U0001f600", {"@bytes": "AA"}])}
    if name == "in":
        return {name: [draw_value(rng, ids) for _ in range(rng.randrange(4))]}
    if name == "has":
        return {name: draw_value(rng, ids, False)}
    if name == "exists":
        return {name: rng.random() < 0.5}
    if name == "range":
        return {rng.choice(["gt", "ge"]): rng.choice(NUMBERS), rng.choice(["lt", "le"]): rng.choice(NUMBERS)}
    return {name: scalar()}


def draw_where(rng, ids):
    return {rng.choice(PATHS if rng.random() < 0.5 else ["n", "s"]): draw_condition(rng, ids) for _ in range(rng.choice([1, 1, 1, 2]))}


def draw_branch(rng, ids, depth):
    branch = {}
    if rng.random() < 0.7:
        branch["where"] = draw_where(rng, ids)
    if rng.random() < 0.3:
        branch["type"] = rng.choice(TYPES)
    if rng.random() < 0.1 and ids:
        branch["id"] = rng.choice(ids)
    if rng.random() < 0.05 and ids:
        branch[rng.choice(["source", "target"])] = rng.choice(ids)
    if rng.random() < 0.1 and ids:
        branch["parent"] = rng.choice(ids + [None])
    if depth > 0 and rng.random() < 0.4:
        add_connective(rng, ids, branch, depth - 1)
    return branch


def add_connective(rng, ids, into, depth):
    name = rng.choice(["and", "or", "not"])
    into[name] = draw_branch(rng, ids, depth) if name == "not" else [draw_branch(rng, ids, depth) for _ in range(rng.randrange(1, 4))]


def draw_step(rng, ids):
    way = rng.choice(["out", "out", "in", "in", "children", "parent", "descendants", "ancestors", "ref", "referrers"])
    step = {way: rng.choice(LINKS) if way in ("out", "in") else rng.choice(["ref", "list", "t"]) if way in ("ref", "referrers") else True}
    if rng.random() < 0.3:
        step["repeat"] = rng.choice([1, 2, 3, True])
    if rng.random() < 0.3:
        step["where"] = draw_where(rng, ids)
    if rng.random() < 0.3:
        step["type"] = rng.choice(TYPES)
    if rng.random() < 0.1:
        add_connective(rng, ids, step, 1)
    return step


def draw_query(rng, ids, links):
    query = {}
    if rng.random() < 0.75:
        query["type"] = rng.choice(["a", "a", "b", None])
    if rng.random() < 0.8:
        query["where"] = draw_where(rng, ids)
    if rng.random() < 0.3:
        add_connective(rng, ids, query, 2)
    if rng.random() < 0.15:
        query["deleted"] = rng.choice(["hide", "show", "only"])
    if rng.random() < 0.1 and "deleted" not in query:
        query["text"], terms = draw_text(rng)
        query["type"] = "a"
        TERMS[query["text"]] = terms
    form = rng.random() if "text" not in query else rng.choice([0.3, 0.55, 0.9, 0.9])
    if form < 0.1:
        query["parent"] = rng.choice(ids + [None])
    elif form < 0.2:
        query["kind"] = rng.choice(["object", "link", "any"])
        if rng.random() < 0.5 and "type" in query:
            query["type"] = rng.choice(LINKS + TYPES)
    elif form < 0.25:
        query[rng.choice(["source", "target"])] = rng.choice(ids)
        query.pop("type", None)
    elif form < 0.5:
        query["follow"] = [draw_step(rng, ids) for _ in range(rng.randrange(1, 4))]
    elif form < 0.6:
        query["path"] = {"to": {"id": rng.choice(ids)} if rng.random() < 0.6 else {"where": draw_where(rng, ids)}}
        if rng.random() < 0.5:
            query["path"][rng.choice(["out", "in"])] = rng.choice(LINKS)
        if rng.random() < 0.3:
            query["path"]["max"] = rng.randrange(1, 4)
        return query
    end = rng.random()
    if end < 0.3:
        paths = rng.sample(PATHS, rng.randrange(1, 3))
        query["order"] = [path if rng.random() < 0.5 else {"path": path, "descending": rng.random() < 0.7} for path in paths]
    elif end < 0.4:
        query["group"] = rng.choice(PATHS)
    elif end < 0.5:
        query["count"] = True
    if rng.random() < 0.2 and "group" not in query and "count" not in query:
        query["ids"] = True
    return query


# --- Comparing -----------------------------------------------------------------------------------------------------


def expected_ids(world, query):
    found = {row["id"] for row in world.rows if matches(row, query)}
    for step in query.get("follow", []):
        found = world.follow({id for id in found}, step)
    return found


def complain(query, got, expected):
    print("query %s\n  answered %s\n  expected %s" % (json.dumps(query), got, expected))
    sys.exit(1)


def pages(vault, target, query):
    """The same answer by cursor, two rows at a time."""
    ids, cursor = [], None
    while True:
        page = dict(query, limit=2)
        if cursor is not None:
            page["cursor"] = cursor
        rows, reply = vault.ask({"do": "query", "query": page, **target})
        ids += [row["id"] for row in rows]
        cursor = reply.get("cursor")
        if cursor is None:
            return ids


def pages_after(vault, target, query):
    """The same by the id of the last row."""
    ids = []
    while True:
        rows, _ = vault.ask({"do": "query", "query": dict(query, limit=3, **({"after": ids[-1]} if ids else {})), **target})
        ids += [row["id"] for row in rows]
        if len(rows) < 3:
            return ids


def compare(vault, target, world, query, rng):
    """target: one space, or several, whose worlds are one as nothing leads from one into another."""
    rows, reply = vault.ask({"do": "query", "query": query, **target})
    for row in rows if "spaces" in target and "group" not in query else []:
        if row.pop("space") != world.space_of[row["id"]]:
            complain(query, row, world.space_of[row["id"]])
    if "error" in reply:
        complain(query, reply, "an answer")
    if "path" in query:
        starts = {row["id"] for row in world.rows if matches(row, query)}
        hops = world.distance(starts, query["path"])
        if len(rows) != (0 if hops is None else hops + 1):
            complain(query, rows, hops)
        way = {key: query["path"][key] for key in ("out", "in") if key in query["path"]} or {"out": None}
        for i, row in enumerate(rows):
            if row["id"] not in (starts if i == 0 else world.step({rows[i - 1]["id"]}, way)):
                complain(query, rows, "a way")
        return
    found = expected_ids(world, query)
    if query.get("count"):
        if reply["count"] != len(found):
            complain(query, reply["count"], len(found))
    elif "group" in query:
        groups = {}
        for id in found:
            value = look(world.by_id[id], query["group"])
            key = (1,) if value is MISSING else (0, rank(value))
            groups[key] = groups.get(key, 0) + 1
        got = [((0, rank(row["value"])) if "value" in row else (1,), row["count"]) for row in rows]
        if got != (sorted(groups.items()) if len(groups) < 2 or all(k[0] or k[1][0] < ARRAY for k in groups) else got) or dict(got) != groups:
            complain(query, got, groups)
    else:
        ids = [row["id"] for row in rows]
        if sorted(ids) != sorted(found):
            complain(query, sorted(ids), sorted(found))
        if "order" in query and not any(is_whole(world, id, query["order"]) for id in found):
            expected = sorted(found, key=lambda id: order_key(query["order"], world.by_id[id]))
            if ids != expected:
                complain(query, ids, expected)
        if "text" in query and not {"order", "follow"} & set(query) and len(TERMS[query["text"]]) == 1:
            rank_of = lambda id: times(words_of_entity(world.by_id[id]), TERMS[query["text"]][0][1])
            expected = sorted(found, key=lambda id: (-rank_of(id), id_key(id)))
            if ids != expected:
                complain(query, ids, expected)
        if rng.random() < 0.02:
            _, told = vault.ask({"do": "query", "query": query, "explain": True, **target})
            if "space" in target and told.get("count") != len(found):
                complain(query, told, len(found))
        if not query.get("ids") and any(row != world.by_id[row["id"]] for row in rows):
            complain(query, rows, "the rows of the export")
        if rng.random() < 0.05 and "space" in target and not {"order", "text"} & set(query) and pages_after(vault, target, query) != ids:
            complain(query, pages_after(vault, target, query), ids)
        if rng.random() < 0.05 and pages(vault, target, query) != ids:
            complain(query, pages(vault, target, query), ids)


def is_whole(world, id, orders):
    """Arrays, maps and references are ordered by their encodings, which are not known here."""
    values = [look(world.by_id[id], order if isinstance(order, str) else order["path"]) for order in orders]
    return any(value is not MISSING and rank(value)[0] >= BYTES for value in values)


# --- The space -----------------------------------------------------------------------------------------------------


def write_some(vault, space, rng, ids, links):
    ops = []
    for _ in range(rng.randrange(1, 8)):
        what = rng.random()
        if what < 0.3 or len(ids) < 5:
            op = {"op": "add", "data": draw_data(rng, ids)}
            kind = rng.choice(TYPES)
            if kind is not None:
                op["type"] = kind
            if ids and rng.random() < 0.4:
                op["parent"] = rng.choice(ids)
        elif what < 0.6:
            op = {"op": "link", "source": rng.choice(ids), "target": rng.choice(ids), "data": {"n": rng.choice(NUMBERS)}}
            kind = rng.choice(LINKS)
            if kind is not None:
                op["type"] = kind
        elif what < 0.8:
            op = {"op": "set", "id": rng.choice(ids), "set": {rng.choice(PATHS[:7]): draw_value(rng, ids)}}
        elif what < 0.85:
            op = {"op": "unset", "id": rng.choice(ids), "unset": [rng.choice(PATHS[:7])]}
        else:
            op = {"op": rng.choice(["rm", "restore", "restore"]), "id": rng.choice(ids + links)}
        ops.append(op)
    for op in ops: # one by one: what was deleted refuses a write, which the others need not suffer
        vault.ask({"do": "batch", "space": space, "ops": [op]})


def read_world(vault, *spaces):
    rows, space_of = [], {}
    for space in spaces:
        these, _ = vault.ask({"do": "export", "space": space})
        hidden, _ = vault.ask({"do": "query", "space": space, "query": {"type": "dx.space", "deleted": "show"}})
        these += [row for row in hidden if row["id"] not in {one["id"] for one in these}]
        _, status = vault.ask({"do": "space.status", "space": space})
        space_of.update((row["id"], status["space"]) for row in these)
        rows += these
    world = World(rows)
    world.space_of = space_of
    return world


def ids_of(world):
    ids = [row["id"] for row in world.rows if "source" not in row and not (row["type"] or "").startswith("dx.")]
    return ids, [row["id"] for row in world.rows if "source" in row]


def change_indexes(vault, rng):
    for _ in range(2):
        vault.ask({"do": rng.choice(["index.add", "index.add", "index.rm"]), "space": rng.choice(SPACES), "type": rng.choice(["a", "b", "l"]),
                   "path": rng.choice(PATHS[:6]), "kind": rng.choice(["object", "object", "link"])})


def main():
    program, questions, seed = sys.argv[1], int((sys.argv + ["2000"])[2] if len(sys.argv) > 2 else 2000), int(sys.argv[3] if len(sys.argv) > 3 else 1)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(program, folder + "/vault")
        vault.ask({"do": "halo.create", "name": "A"})
        for space in SPACES:
            vault.ask({"do": "space.create", "name": space})
            vault.ask({"do": "index.add", "space": space, "type": "a", "text": True})
            while "error" in vault.ask({"do": "query", "space": space, "query": {"type": "a", "text": "a"}})[1]:
                pass
        asked = together = worded = 0
        while asked < questions:
            if asked % 100 == 0:
                for _ in range(12 if asked == 0 else 2):
                    for space in SPACES:
                        ids, links = ids_of(read_world(vault, space))
                        if len(ids) < (120 if space == SPACES[0] else 30):
                            write_some(vault, space, rng, ids, links)
                change_indexes(vault, rng)
                one, both = read_world(vault, SPACES[0]), read_world(vault, *SPACES)
            query = draw_query(rng, *ids_of(one if rng.random() < 0.8 else both))
            if "path" not in query and rng.random() < 0.2:
                compare(vault, {"spaces": "all" if rng.random() < 0.5 else SPACES}, both, query, rng)
                together += 1
            else:
                compare(vault, {"space": SPACES[0]}, one, query, rng)
            asked += 1
            worded += "text" in query
        print("%d questions, %d of two spaces at once, %d in words, %d objects and links, equal answers (seed %d)" % (asked, together, worded, len(both.rows), seed))
        vault.process.stdin.close()
        vault.process.wait()


main()
