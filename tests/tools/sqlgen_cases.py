"""Cases for tools/sqlfile.py and tools/sqlgen, run by test_sqlgen.sh."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tools"))
import sqlfile  # noqa: E402


def one(text):
    return sqlfile.read_statements("x.sql", text)[0]


def body(sql, header="it :many Input -> Output"):
    return one(f"-- name: {header}\n{sql};")


class Parameters(unittest.TestCase):
    cases = [
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ["a", "b"]),
        ("SELECT :a.b_c.d::uuid[]", "SELECT $1::uuid[]", ["a.b_c.d"]),
        ("SELECT x::text, :a ::int", "SELECT x::text, $1 ::int", ["a"]),
        ("SELECT ':a', E'\\':a', \":a\", $$ :a $$, $t$ :a $$ :b $t$, :b",
         "SELECT ':a', E'\\':a', \":a\", $$ :a $$, $t$ :a $$ :b $t$, $1", ["b"]),
        ("SELECT 'it''s :a' || :b", "SELECT 'it''s :a' || $1", ["b"]),
        ("SELECT 1 -- :a ; '\n, :b", "SELECT 1\n, $1", ["b"]),
        ("SELECT /* :a /* ; */ :b */ :c", "SELECT   $1", ["c"]),
        ("SELECT arr[1:2], arr[n :m]", "SELECT arr[1:2], arr[n $1]", ["m"]),
        ("SELECT a FROM t WHERE b=:b AND c>=:c", "SELECT a FROM t WHERE b=$1 AND c>=$2", ["b", "c"]),
        ("SELECT 'a\\' || :b", "SELECT 'a\\' || $1", ["b"]),
        ("SELECT :visible(c)",
         "SELECT ($1 OR c.owner_id = $2::uuid OR c.team_id = ANY($3::uuid[]))", ["call.sees_all", "call.user_id", "call.teams"]),
    ]

    def test_become_numbers(self):
        for sql, expected, params in self.cases:
            with self.subTest(sql=sql):
                statement = body(sql)
                self.assertEqual(statement.sql, expected)
                self.assertEqual(statement.params, params)

    def test_the_slots_of_a_page(self):
        statement = body("SELECT a FROM t WHERE :filter ORDER BY :order LIMIT :limit", "it :page Input -> Output")
        self.assertEqual(statement.sql, "SELECT a FROM t WHERE \x01 ORDER BY \x02 LIMIT \x03")


class Guards(unittest.TestCase):
    def test_a_must_counts(self):
        sql = body("UPDATE t SET a = :a", "it :must Input").sql
        self.assertIn("RETURNING 1)", sql)
        self.assertIn("HAVING ln(count(*)::float8) >= 0", sql)

    def test_a_one_that_writes_is_guarded(self):
        self.assertIn("guard_", body("DELETE FROM t WHERE a = :a RETURNING a", "it :one Input -> Output").sql)

    def test_a_read_and_an_exec_are_not(self):
        self.assertNotIn("guard_", body("SELECT a FROM t FOR UPDATE", "it :one Input -> Output").sql)
        self.assertEqual(body("DELETE FROM t", "it :exec").sql, "DELETE FROM t")

    def test_what_writes_is_known(self):
        self.assertFalse(body("SELECT a FROM t FOR UPDATE").writes)
        self.assertFalse(body("SELECT a FROM t FOR NO KEY UPDATE").writes)
        self.assertTrue(body("WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x").writes)
        self.assertTrue(body("INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = 2", "it :exec").writes)


class Refusals(unittest.TestCase):
    cases = [
        ("-- name: It :one\nSELECT 1;", "x.sql:1: expected"),
        ("-- name: it :some\nSELECT 1;", "x.sql:1: unknown kind :some"),
        ("-- name: it :one\nSELECT 1", "x.sql:1: the statement does not end with ';'"),
        ("-- name: it :one\nSELECT 1; SELECT 2;", "x.sql:1: more than one statement"),
        ("-- name: it :one\n;", "x.sql:1: the statement is empty"),
        ("SELECT 1;", "x.sql:1: SQL before the first"),
        ("-- name: it :one\nSELECT 1;\n-- name: it :one\nSELECT 1;", "x.sql:1: it is defined twice"),
        ("-- name: it :one\nSELECT :a;", "x.sql:1: it: :a needs an input message"),
        ("-- name: it :must\nSELECT 1;", "x.sql:1: it: :must is for"),
        ("-- name: it :page In -> Out\nSELECT 1;", "x.sql:1: it: a :page needs :filter, :limit, :order"),
        ("-- name: it :many slow\nDELETE FROM t RETURNING a;", "x.sql:1: it: slow is for reading"),
        ("-- name: it :exec -> Out\nDELETE FROM t;", "x.sql:1: it: names an output but has no RETURNING"),
        ("-- name: it :one\nSELECT :use(nothing);", "x.sql:1: :use(nothing) is not defined above"),
    ]

    def test_name_file_and_line(self):
        for text, expected in self.cases:
            with self.subTest(text=text), self.assertRaises(sqlfile.SqlError) as caught:
                sqlfile.read_statements("x.sql", text)
            self.assertTrue(str(caught.exception).startswith(expected), str(caught.exception))


class Generated(unittest.TestCase):
    def test_c_compiles_and_holds_the_text(self):
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "notes")
            os.makedirs(os.path.join(source, "migrations"))
            with open(os.path.join(source, "note.sql"), "w", encoding="utf-8") as out:
                out.write("-- name: note_get :one RowKey -> Note\nSELECT 'ž??/\"\\' AS x, :id::uuid AS id;\n")
            with open(os.path.join(source, "migrations", "0001_init.sql"), "w", encoding="utf-8") as out:
                out.write("CREATE TABLE note (x text DEFAULT '\"\\n\"');\n")
            subprocess.run([os.path.join(TOP, "tools", "sqlgen"), source, folder], check=True)
            with open(os.path.join(folder, "main.c"), "w", encoding="utf-8") as out:
                out.write('#include <stdio.h>\n#include "sql.h"\n'
                          'int main(void) { printf("%s|%s|%s|%s|%zu", notes_statements.list[0]->sql, sql_note_get.params[0],'
                          ' notes_migrations[0].name, notes_migrations[0].sql, notes_n_migrations); return 0; }\n')
            program = os.path.join(folder, "main")
            subprocess.run(["gcc", "-I", os.path.join(TOP, "common"), "-I", folder, "-o", program, os.path.join(folder, "main.c"),
                            os.path.join(folder, "sql.c")], check=True)
            printed = subprocess.run([program], check=True, capture_output=True, encoding="utf-8").stdout
            self.assertEqual(printed, "SELECT 'ž??/\"\\' AS x, $1::uuid AS id|id|notes/0001_init|"
                                      "CREATE TABLE note (x text DEFAULT '\"\\n\"');\n|1")

    def test_two_migrations_with_one_number_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "migrations"))
            for name in ("0001_a.sql", "0001_b.sql"):
                with open(os.path.join(folder, "migrations", name), "w", encoding="utf-8"):
                    pass
            done = subprocess.run([os.path.join(TOP, "tools", "sqlgen"), folder, folder], capture_output=True, encoding="utf-8")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("number 0001 is taken by 0001_a", done.stderr)


class Lines(unittest.TextTestResult):
    """A line per test, as tools/run-tests counts them."""

    def addSuccess(self, test):
        print(f"ok - {test.id().rsplit('.', 1)[1].removeprefix('test_').replace('_', ' ')}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(f"not ok - {test.id()}")

    def addError(self, test, err):
        super().addError(test, err)
        print(f"not ok - {test.id()}")


unittest.main(testRunner=unittest.TextTestRunner(resultclass=Lines))
