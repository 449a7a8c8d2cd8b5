"""Do the checks see every small change of a solution?

    python tests/lessons/mutation.py [NN ...]    lists the changes they miss

Each operator, comparison, constant, index, axis and keyword of a lesson's solution.py is changed, one at a time, and
each statement is left out. A lesson's checks have to refuse what comes out. What they accept survives, and is either a
gap in the check, or makes no difference; the latter are in survivors.txt, each with the reason why. With --write the
figures go to results/mutation.md. All lessons take some minutes, so this is not among the quick tests.
"""

import argparse
import ast
import contextlib
import copy
import io
import multiprocessing
import resource
import signal
import sys
import tempfile
from pathlib import Path

from minicap.learn.checker import check
from minicap.learn.lessons import find_lessons, load

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECONDS, BYTES = 20, 6 << 30  # of processor time, and of memory, for one mutant
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
             ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
             ast.And: ast.Or, ast.Or: ast.And, ast.USub: ast.UAdd, ast.Invert: ast.UAdd,
             ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
             ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}


class SlowError(BaseException):
    """A mutant that does not come to an end; learners' ``except Exception`` does not catch it."""


def other_constants(value):
    """What may stand in place of a constant."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [2 * value, value / 2] if value else [1.0]
    return []


def changes(node):
    """(what is put in the place of a node, ...): a function each, that changes a copy of the node in place."""
    def swapped(name, new):
        return lambda node: setattr(node, name, new)

    if isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp, ast.UnaryOp)) and type(node.op) in OPERATORS:
        yield swapped("op", OPERATORS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield swapped("operand", ast.UnaryOp(ast.Not(), node.operand))
    elif isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            yield swapped("ops", [*node.ops[:i], OPERATORS[type(op)](), *node.ops[i + 1:]])
    elif isinstance(node, ast.Constant):
        for value in other_constants(node.value):
            yield swapped("value", value)
    elif isinstance(node, ast.Slice):
        for name in ("lower", "upper", "step"):
            if getattr(node, name) is not None:
                yield swapped(name, None)
    elif isinstance(node, ast.Call):
        for i in range(len(node.keywords)):
            if node.keywords[i].arg != "strict":  # zip's, which sees to it that faults show
                yield swapped("keywords", node.keywords[:i] + node.keywords[i + 1:])
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        for i in range(len(node.value.elts) - 1):
            found = list(node.value.elts)
            found[i:i + 2] = found[i + 1], found[i]
            yield swapped("value", ast.Tuple(found, ast.Load()))
    elif isinstance(node, ast.comprehension):
        for i in range(len(node.ifs)):
            yield swapped("ifs", node.ifs[:i] + node.ifs[i + 1:])


def mutants(source):
    """(function, "right -> wrong", source) of each."""
    tree = ast.parse(source)
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        statement_of = {}
        for statement in ast.walk(function):  # outer ones first, so that the innermost one stays
            if isinstance(statement, ast.stmt) and statement is not function:
                statement_of |= dict.fromkeys(ast.walk(statement), statement)
        strict = {keyword.value for node in statement_of for keyword in getattr(node, "keywords", ())
                  if keyword.arg == "strict"}
        for node, statement in statement_of.items():
            if node in strict:
                continue
            for change in changes(node):
                yield made(tree, function, node, statement, change)
            is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if node is statement and isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.If)) \
                    and not is_text:
                yield made(tree, function, node, statement, None)


def made(tree, function, node, statement, change):
    """A mutant; without a ``change`` the node, a statement, is left out."""
    places = {id(n): i for i, n in enumerate(ast.walk(tree))}
    tree = copy.deepcopy(tree)
    nodes = list(ast.walk(tree))
    node, statement = nodes[places[id(node)]], nodes[places[id(statement)]]
    right = headline(statement)
    if change:
        change(node)
        wrong = headline(statement)
    else:
        for block in (getattr(n, name) for n in nodes for name in ("body", "orelse", "finalbody") if hasattr(n, name)):
            if isinstance(block, list) and statement in block:
                block[block.index(statement)] = ast.Pass()
        wrong = ""
    return function.name, around_the_difference(right, wrong), ast.unparse(ast.fix_missing_locations(tree))


def around_the_difference(right, wrong, around=25):
    """"right -> wrong" without what is the same further away than so many characters."""
    before = in_common(right, wrong)
    after = in_common(right[before:][::-1], wrong[before:][::-1])
    begin = max(0, before - around) if wrong else 0
    shown = [text[begin:len(text) - max(0, after - around)] if wrong else text for text in (right, wrong)]
    return " -> ".join(shown).strip()


def in_common(a, b):
    """How many characters at their beginnings are the same."""
    return next((i for i, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), min(len(a), len(b)))


def headline(statement):
    """The first line of a statement."""
    return ast.unparse(statement).splitlines()[0]


def survives(lesson, name, source):
    """Whether all exercises are accepted; the changed one is tried first."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, slow)
    exercises = sorted(lesson.exercises(), key=lambda exercise: exercise.name != name)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder, "mutant.py")
        path.write_text(source, encoding="utf-8")
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            module = load(path)
            for exercise in exercises:
                check(exercise, module)
        except (Exception, SlowError):
            return False
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return True


def slow(*_):
    raise SlowError


def explained():
    """{(lesson, function, "right -> wrong"): why it makes no difference}, from survivors.txt."""
    found, place, reason = {}, None, None
    for line in (HERE / "survivors.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            place = tuple(line[3:].split())
        elif line.startswith("    "):
            found[(*place, line.strip())] = reason
        elif line and not line.startswith("#"):
            reason = line
    return found


def tried(job):
    lesson, name, change, source = job
    return lesson.path.name, name, change, survives(lesson, name, source)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("lessons", nargs="*", help="numbers, such as 05; all by default")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--write", action="store_true", help="write results/mutation.md")
    options = options.parse_args()
    lessons = [lesson for lesson in find_lessons(ROOT / "lessons")
               if not options.lessons or lesson.number in options.lessons]
    known, unexplained, table = explained(), 0, []
    with multiprocessing.Pool(options.processes) as pool:
        for lesson in lessons:
            jobs = [(lesson, *mutant) for mutant in mutants(lesson.solution.read_text(encoding="utf-8"))]
            alive = [key for *key, survived in pool.imap(tried, jobs, chunksize=4) if survived]
            new = [key for key in alive if tuple(key) not in known]
            unexplained += len(new)
            table.append(f"| {lesson.path.name} | {len(jobs)} | {len(jobs) - len(alive)} | {len(alive) - len(new)} "
                         f"| {len(new)} |")
            print(table[-1], *(f"    {name}: {change}" for _, name, change in new), sep="\n", flush=True)
    if options.write:
        write(table)
    return 1 if unexplained else 0


def write(table):
    text = ["# Mutants of the lessons' solutions", "",
            "`python tests/lessons/mutation.py --write` changes the solutions, one operator, constant or statement at",
            "a time, and counts what the lessons' checks accept. Why the explained ones make no difference is in",
            "tests/lessons/survivors.txt.", "",
            "| lesson | mutants | refused | explained | unexplained |", "|---|---|---|---|---|", *table, ""]
    (ROOT / "results" / "mutation.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
