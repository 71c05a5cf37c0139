"""SQL source files: named statements and migrations, read by tools/sqlgen and tools/lint-sql.

A statement file holds statements of this form (docs/adding-an-rpc.md shows it in use):

    -- What it is for.
    -- name: contact_get :one RowKey -> Contact
    SELECT c.id, c.etag FROM contact c
    WHERE c.tenant_id = :call.tenant_id AND c.id = :id AND :visible(c);

Text that several statements of a file share is said once and used by name:

    -- define: contact_columns
    c.id, c.etag, c.name_given AS "name.given";

    SELECT :use(contact_columns) FROM contact c ...

The scanner knows strings, quoted names, comments, dollar quotes and casts, so that a ':' in one of them is left alone.
"""

import os
import re

KINDS = ("one", "many", "exec", "must", "page")
SLOTS = {"filter": "\x01", "order": "\x02", "limit": "\x03"}
VISIBLE = ("(:call.sees_all OR {0}.owner_id = :call.user_id::uuid"
           " OR {0}.team_id = ANY(:call.teams::uuid[]))")

NAME_LINE = re.compile(r"^--\s*(name|define):\s*(.*)$")
DEFINE_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
USE = re.compile(r":use\(\s*([a-z][a-z0-9_]*)\s*\)")
HEADER = re.compile(r"^(?P<name>[a-z][a-z0-9_]*)\s+:(?P<kind>[a-z]+)(?P<slow>\s+slow)?"
                    r"(?:\s+(?P<input>[A-Z][A-Za-z0-9_.]*))?(?:\s*->\s*(?P<output>[A-Z][A-Za-z0-9_.]*))?\s*$")
PATH = re.compile(r":([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)")
VISIBLE_CALL = re.compile(r":visible\(\s*([a-z_][a-z0-9_]*)\s*\)")
DOLLAR = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)?\$")
MIGRATION = re.compile(r"^[0-9]{4}_[a-z0-9_]+\.sql$")


class SqlError(Exception):
    """A fault in a source file, worded "file:line: what is wrong"."""

    def __init__(self, file, line, what):
        super().__init__(f"{file}:{line}: {what}")


def pieces(text):
    """Splits SQL into (kind, text) with kind 'code', 'string', 'name' or 'comment'."""
    at = 0
    start = 0
    while at < len(text):
        end, kind = _quoted(text, at)
        if end is None:
            at += 1
            continue
        if at > start:
            yield "code", text[start:at]
        yield kind, text[at:end]
        at = start = end
    if start < len(text):
        yield "code", text[start:]


def _quoted(text, at):
    """Where the quoted stretch that starts at `at` ends, and what it is; (None, None) if none starts here."""
    if text.startswith("--", at):
        end = text.find("\n", at)
        return (len(text) if end < 0 else end), "comment"
    if text.startswith("/*", at):
        return _block_comment_end(text, at), "comment"
    char = text[at]
    if char == '"':
        return _closing(text, at, '"', False), "name"
    if char == "'":
        escapes = at > 0 and text[at - 1] in "eE" and not (at > 1 and (text[at - 2].isalnum() or text[at - 2] == "_"))
        return _closing(text, at, "'", escapes), "string"
    if char == "$" and not (at > 0 and (text[at - 1].isalnum() or text[at - 1] in "_$")):
        tag = DOLLAR.match(text, at)
        if tag:
            end = text.find(tag.group(0), tag.end())
            return (len(text) if end < 0 else end + len(tag.group(0))), "string"
    return None, None


def _block_comment_end(text, at):
    depth = 0
    while at < len(text):
        if text.startswith("/*", at):
            depth, at = depth + 1, at + 2
        elif text.startswith("*/", at):
            depth, at = depth - 1, at + 2
            if depth == 0:
                return at
        else:
            at += 1
    return at


def _closing(text, at, quote, escapes):
    at += 1
    while at < len(text):
        if escapes and text[at] == "\\":
            at += 2
        elif text[at] == quote:
            if text.startswith(quote, at + 1):
                at += 2
            else:
                return at + 1
        else:
            at += 1
    return len(text)


def bare(text):
    """The code alone: strings become '', quoted names stay, comments become a space; lines are kept."""
    out = []
    for kind, piece in pieces(text):
        if kind == "string":
            out.append("''" + "\n" * piece.count("\n"))
        elif kind == "comment":
            out.append(" " + "\n" * piece.count("\n"))
        else:
            out.append(piece)
    return "".join(out)


def words(text):
    """Words outside parentheses, upper case: what kind of statement this is, whether it has RETURNING."""
    depth = 0
    found = []
    for token in re.findall(r"[()]|[A-Za-z_][A-Za-z0-9_]*", bare(text)):
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
        elif depth == 0:
            found.append(token.upper())
    return found


class Statement:
    """One named statement as written, and as PostgreSQL gets it."""

    def __init__(self, file, line, header, comments, body):
        match = HEADER.match(header)
        if not match:
            raise SqlError(file, line, "expected '-- name: noun_verb :kind [slow] [Input] [-> Output]'")
        self.file, self.line = file, line
        self.name, self.kind = match["name"], match["kind"]
        if self.kind not in KINDS:
            raise SqlError(file, line, f"unknown kind :{self.kind} (one of {', '.join(KINDS)})")
        self.slow = match["slow"] is not None
        self.input, self.output = match["input"], match["output"]
        self.comments = comments
        self.body = body
        self.params = []
        top = words(body)
        verbs = [w for w in top if w in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE")]
        self.verb = verbs[0] if verbs else ""
        self.writes = bool(re.search(r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\b",
                                     re.sub(r"\b(FOR\s+(NO\s+KEY\s+)?UPDATE|DO\s+UPDATE)\b", " ", bare(body).upper())))
        self.returning = "RETURNING" in top
        self.slots = set()
        self._check_kind()
        self.sql = self._guarded(self._numbered())
        self._check_slots()

    def fail(self, what):
        raise SqlError(self.file, self.line, f"{self.name}: {what}")

    def _check_kind(self):
        if not self.verb:
            self.fail("is neither SELECT, INSERT, UPDATE nor DELETE")
        if self.kind == "must" and self.verb not in ("INSERT", "UPDATE", "DELETE"):
            self.fail(":must is for INSERT, UPDATE and DELETE")
        if self.kind == "page" and self.writes:
            self.fail(":page is for reading")
        if self.slow and self.writes:
            self.fail("slow is for reading")
        if self.output and self.writes and not self.returning and self.verb != "SELECT":
            self.fail("names an output but has no RETURNING")

    def _check_slots(self):
        if self.kind == "page":
            missing = set(SLOTS) - self.slots
            if missing:
                self.fail("a :page needs " + ", ".join(":" + s for s in sorted(missing)))
        elif self.slots:
            self.fail(":filter, :order and :limit are for :page")

    def _numbered(self):
        """The body with $n for each :path, without comments."""
        out = []
        for kind, piece in pieces(self.body):
            if kind == "comment":
                out.append(" ")
            elif kind == "code":
                piece = VISIBLE_CALL.sub(lambda m: VISIBLE.format(m[1]), piece)
                out.append(self._replace_paths(piece))
            else:
                out.append(piece)
        lines = [line.rstrip() for line in "".join(out).strip().split("\n")]
        return "\n".join(line for line in lines if line.strip())

    def _replace_paths(self, code):
        out = []
        at = 0
        for match in PATH.finditer(code):
            before = code[match.start() - 1] if match.start() else ""
            if before == ":" or before.isalnum() or before in ("_", "]"):
                continue  # a cast or an array slice
            out.append(code[at:match.start()])
            out.append(self._parameter(match[1]))
            at = match.end()
        out.append(code[at:])
        return "".join(out)

    def _parameter(self, path):
        if self.kind == "page" and path in SLOTS:
            self.slots.add(path)
            return SLOTS[path]
        if not path.startswith("call.") and not self.input:
            self.fail(f":{path} needs an input message")
        if path not in self.params:
            self.params.append(path)
        return f"${self.params.index(path) + 1}"

    def _guarded(self, sql):
        """A write that must find its row raises when it finds none, so that nothing after it in the batch takes effect.

        ln(0) is the error (SQLSTATE 2201E): nothing else in this system takes a logarithm, so it cannot be mistaken.
        """
        if self.kind == "must" and not self.returning:
            return (f"WITH changed_ AS ({sql}\nRETURNING 1)\n"
                    "SELECT count(*) FROM changed_ HAVING ln(count(*)::float8) >= 0")
        if self.writes and self.returning and self.kind in ("one", "must") and self.verb in ("INSERT", "UPDATE", "DELETE"):
            return (f"WITH changed_ AS ({sql})\nSELECT changed_.* FROM changed_"
                    " RIGHT JOIN (SELECT count(*) AS n FROM changed_) guard_ ON true\n"
                    "WHERE ln(guard_.n::float8) >= 0")
        return sql


def read_statements(file, text):
    """The statements of one file, in order."""
    found = []
    defined = {}
    header, header_line, comments, body = None, 0, [], []
    for number, line in enumerate(text.split("\n"), 1):
        match = NAME_LINE.match(line)
        if match:
            tail = _finish(found, defined, file, header, header_line, comments, body)
            header, header_line, comments, body = match, number, tail, []
        elif header is None:
            if line.strip() and not line.startswith("--"):
                raise SqlError(file, number, "SQL before the first '-- name:'")
            comments = comments + [line] if line.startswith("--") else []
        else:
            body.append(line)
    _finish(found, defined, file, header, header_line, comments, body)
    names = [s.name for s in found]
    for statement in found:
        if names.count(statement.name) > 1:
            raise SqlError(file, statement.line, f"{statement.name} is defined twice")
    return found


def _used(defined, file, line, code):
    """The code with each :use(name) replaced by what was defined above it in the file."""

    def replace(match):
        if match[1] not in defined:
            raise SqlError(file, line, f":use({match[1]}) is not defined above")
        return defined[match[1]]

    return USE.sub(replace, code)


def _finish(found, defined, file, header, line, comments, body):
    """Adds the statement or definition that ends here; returns the comment lines that belong to the next one."""
    if header is None:
        return comments
    code, rest = _cut_at_semicolon("\n".join(body))
    if code is None:
        raise SqlError(file, line, "the statement does not end with ';'")
    if bare(rest).strip():
        raise SqlError(file, line, "more than one statement under one name")
    if not code.strip():
        raise SqlError(file, line, "the statement is empty")
    code = _used(defined, file, line, code)
    name = header[2].strip()
    if header[1] == "name":
        found.append(Statement(file, line, name, comments, code))
    elif DEFINE_NAME.match(name) and name not in defined:
        defined[name] = code.strip()
    else:
        raise SqlError(file, line, f"'{name}' cannot be defined: not a name, or defined above")
    return [text for text in rest.split("\n") if text.startswith("--")]


def _cut_at_semicolon(text):
    at = 0
    for kind, piece in pieces(text):
        if kind == "code" and ";" in piece:
            cut = at + piece.index(";")
            return text[:cut], text[cut + 1:]
        at += len(piece)
    return None, ""


def read_folder(folder):
    """All statements of a folder's *.sql files."""
    found = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".sql"):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as source:
                found += read_statements(path, source.read())
    seen = {}
    for statement in found:
        if statement.name in seen:
            statement.fail(f"is also defined in {seen[statement.name]}")
        seen[statement.name] = statement.file
    return found


def read_migrations(folder):
    """(file, name, text) of folder/migrations/NNNN_*.sql, in order."""
    folder = os.path.join(folder, "migrations")
    if not os.path.isdir(folder):
        return []
    found = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not name.endswith(".sql"):
            continue
        if not MIGRATION.match(name):
            raise SqlError(path, 1, "a migration is named NNNN_what_it_does.sql")
        if found and found[-1][1][:4] == name[:4]:
            raise SqlError(path, 1, f"number {name[:4]} is taken by {found[-1][1]}")
        with open(path, encoding="utf-8") as source:
            found.append((path, name[:-len(".sql")], source.read()))
    return found
