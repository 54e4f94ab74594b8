"""What is changed in a module to see whether a test notices: one place at a time, in the syntax tree."""

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from types import CodeType

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
NUMBERS = "__import__('engine.domain.numbers', fromlist=['numbers'])."
NAMES = {
    "ZERO": NUMBERS + "ONE", "ONE": NUMBERS + "ZERO", "HALF": NUMBERS + "ONE",
    "toward_zero": NUMBERS + "paid_in", "money": NUMBERS + "toward_zero",
    "paid_in": NUMBERS + "paid_out", "paid_out": NUMBERS + "paid_in",
    "ROUND_DOWN": "'ROUND_UP'", "ROUND_HALF_EVEN": "ROUND_DOWN",
    "ROUND_CEILING": "ROUND_FLOOR", "ROUND_FLOOR": "ROUND_CEILING",
    "min": "max", "max": "min", "any": "all", "all": "any",
}  # fmt: skip
STATEMENTS = (ast.AugAssign, ast.Delete, ast.Continue, ast.Break, ast.Raise)
SKIPPED = frozenset({"annotation", "returns", "decorator_list", "args_of_function", "msg"})


@dataclass
class Edit:
    """One change: what stands at a place of the tree, and what is put there instead."""

    parent: ast.AST
    name: str
    index: int | None
    new: ast.AST
    line: int
    what: str
    function: str = ""
    first_line: int = 0
    column: int = 0

    def swap(self) -> None:
        """Put the new in, or, called again, the old back."""
        if self.index is None:
            old = getattr(self.parent, self.name)
            setattr(self.parent, self.name, self.new)
        else:
            old = getattr(self.parent, self.name)[self.index]
            getattr(self.parent, self.name)[self.index] = self.new
        self.new = old


def edits(tree: ast.Module) -> Iterator[Edit]:
    """Every change of the module, in order of its lines."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield from _inside(inner, f"{node.name}.{inner.name}")
        elif isinstance(node, ast.FunctionDef):
            yield from _inside(node, node.name)
        elif isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name) and target.id.isupper():
            for edit in _walk(node, "value", None, node.value):
                edit.function = target.id
                yield edit


def _inside(function: ast.FunctionDef, name: str) -> Iterator[Edit]:
    first = min([function.lineno, *(each.lineno for each in function.decorator_list)])
    for index, statement in enumerate(function.body):
        for edit in _walk(function, "body", index, statement):
            edit.function, edit.first_line = name, first
            yield edit


def _walk(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.JoinedStr | ast.Assert | ast.arguments):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    for new, what in _instead_of(node):
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        made = ast.fix_missing_locations(ast.copy_location(new, node))
        yield Edit(parent, name, index, made, line, what, column=column)
    for field, value in ast.iter_fields(node):
        if field in SKIPPED:
            continue
        if isinstance(value, ast.AST):
            yield from _walk(node, field, None, value)
        elif isinstance(value, list):
            for number, each in enumerate(value):
                if isinstance(each, ast.AST):
                    if field == "ifs" and isinstance(each, ast.expr):
                        yes = ast.copy_location(ast.Constant(value=True), each)
                        yield Edit(node, field, number, yes, each.lineno, "condition dropped")
                    yield from _walk(node, field, number, each)


def _instead_of(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BinOp(op=op) if type(op) in OPERATORS:
            new = OPERATORS[type(op)]
            yield ast.BinOp(node.left, new(), node.right), f"{type(op).__name__} -> {new.__name__}"
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield deepcopy(operand), f"{type(node.op).__name__} dropped"
        case ast.BoolOp(values=values):
            for number, value in enumerate(values):
                rest = [*values[:number], *values[number + 1 :]]
                new_value = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
                yield new_value, f"operand dropped: {ast.unparse(value)}"
        case ast.Constant(value=bool() as flag):
            yield ast.Constant(not flag), f"{flag} -> {not flag}"
        case ast.Constant(value=int() as number):
            yield ast.Constant(number + 1), f"{number} -> {number + 1}"
        case ast.Constant(value=str() as words) if words:
            yield ast.Constant("mutant"), f"{words!r} -> 'mutant'"
        case ast.Name(id=name, ctx=ast.Load()) if name in NAMES:
            yield ast.parse(NAMES[name], mode="eval").body, f"{name} -> {NAMES[name].removeprefix(NUMBERS)}"
        case ast.Call(func=ast.Name(id="sorted")):
            reverse = ast.keyword("reverse", ast.Constant(True))
            yield ast.Call(node.func, node.args, [*node.keywords, reverse]), "sorted the other way round"
        case ast.Return(value=value) if value is not None and ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None)), "return None"
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield from _negated(node, test)
        case ast.Expr() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break() | ast.Raise():
            yield ast.Pass(), f"dropped: {ast.unparse(node)}"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield ast.Pass(), f"dropped: {ast.unparse(node)}"


def _negated(node: ast.If | ast.IfExp | ast.While, test: ast.expr) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(test, ast.Compare | ast.UnaryOp):
        return
    new = type(node)(**dict(ast.iter_fields(node)))
    new.test = ast.copy_location(ast.UnaryOp(ast.Not(), test), test)
    yield new, f"negated: {ast.unparse(test)}"


def _comparisons(node: ast.Compare) -> Iterator[tuple[ast.AST, str]]:
    for number, op in enumerate(node.ops):
        for new in COMPARISONS[type(op)]:
            ops = [*node.ops[:number], new(), *node.ops[number + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators), f"{type(op).__name__} -> {new.__name__}"


def code_of(module: CodeType, function: str, first_line: int) -> CodeType:
    """The code of a function in the compiled module."""
    for const in module.co_consts:
        if isinstance(const, CodeType):
            if const.co_qualname == function and const.co_firstlineno == first_line:
                return const
            if function.startswith(f"{const.co_qualname}."):
                return code_of(const, function, first_line)
    raise LookupError(function)
