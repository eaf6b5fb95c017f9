"""The import rules, the size budgets and the purity of layers, read from the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch

import pytest
from tests.sources import Module, core, functions, imports, length, plugins

FACES = {"server", "cli", "testing"}
BELOW_FACES = {
    *("values", "provider", "routing", "strategies", "providers"),
    *("engine", "state", "plugins", "config", "router", "sync"),
}

MAY_IMPORT: dict[str, set[str]] = {
    "values": {"values"},
    "provider": {"values", "provider"},
    "routing": {"values", "routing"},
    "strategies": {"values", "provider", "routing", "strategies"},
    "providers": {"values", "provider", "providers"},
    "engine": {"values", "provider", "routing", "engine"},
    "state": {"values", "provider", "routing", "engine", "state"},
    "telemetry": {"values", "provider", "__init__"},
    "plugins": {"values", "provider", "routing", "strategies", "providers", "plugins"},
    "config": BELOW_FACES - {"router", "sync"},
    "router": BELOW_FACES - {"sync"},
    "sync": BELOW_FACES,
    "server": BELOW_FACES | {"server"},
    "cli": BELOW_FACES | {"server", "testing", "cli"},
    "testing": BELOW_FACES | {"server", "testing"},
}
"""What each part of routercore may import from routercore: always the layers below it."""

HOMES: dict[str, tuple[str, ...]] = {
    "PIL": ("engine/pixels.py", "providers/test/*", "testing/*"),
    "aiohttp": ("engine/transport/fast.py",),
    "aiolimiter": ("state/pacing.py",),
    "alembic": ("state/ledger/*",),
    "anyio": ("server/*",),
    "cachetools": ("state/memory.py",),
    "h11": ("engine/transport/tunnel.py",),
    "httpcore2": tuple(f"engine/transport/{name}.py" for name in ("portable", "stream", "tunnel")),
    "httpx2": ("engine/addresses.py", "engine/transport/message.py", "testing/*"),
    "hypothesis": ("testing/*",),
    "obstore": ("server/bucket.py",),
    "opentelemetry": ("telemetry.py",),
    "pluggy": ("plugins.py", "provider/hooks.py"),
    "pybase64": ("engine/deliver.py", "engine/pixels.py", "engine/jsons.py", "server/*"),
    "pydantic": ("config/*", "server/*"),
    "pydantic_core": ("engine/jsons.py", "config/*", "server/*"),
    "pytest": ("testing/*",),
    "python_multipart": ("server/*",),
    "redis": ("state/shared.py",),
    "rich": ("cli/*",),
    "sqlalchemy": ("state/ledger/*",),
    "starlette": ("server/*",),
    "structlog": ("engine/observers.py",),
    "textual_image": ("cli/*",),
    "typer": ("cli/*",),
    "uvicorn": ("server/*", "cli/*"),
    "uvloop": ("server/*", "cli/*"),
    "yarl": ("engine/transport/fast.py",),
}
"""The few modules that may import each third-party package, so that replacing one stays small."""

VENDOR_LIBRARIES: dict[str, tuple[str, ...]] = {
    "routercore_amazon_bedrock": ("botocore",),
    "routercore_google": ("google",),
}
"""A plugin's package and the vendor's own libraries that its pyproject.toml asks for."""

PURE = {"values", "provider", "routing", "strategies", "providers"}
IMPURE = {"asyncio", "logging", "secrets", "socket", "subprocess", "threading", "time"}

ESCAPES = {"providers": {"asyncio"}}
"""An in-process model draws in a thread, through the effect Run."""

HOOKS = "provider/hooks.py"

LONGEST_FILE = 400
LONGEST_FUNCTION = 50

MUTATORS = {
    *("add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop"),
    *("popitem", "popleft", "remove", "setdefault", "update"),
}
CONTAINERS = {
    *("Counter", "OrderedDict", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary"),
    *("bytearray", "defaultdict", "deque", "dict", "list", "set"),
}


def report(breaches: Iterator[str], advice: str) -> None:
    """Fail with every breach of a rule and what to do about it."""
    found = list(breaches)
    if found:
        pytest.fail("\n  ".join([advice, *found]), pytrace=False)


def test_every_part_has_a_layer() -> None:
    """Each folder and top-level module of routercore has its place in the order of layers."""
    unplaced = {module.part for module in core()} - {*MAY_IMPORT, "__init__", "__main__"}
    assert set() == unplaced, "say in MAY_IMPORT what the new part may import"


def test_imports_point_downwards() -> None:
    """No part of routercore imports from a part above it, not even inside a function."""

    def breaches() -> Iterator[str]:
        for module in core():
            allowed = MAY_IMPORT.get(module.part, {*BELOW_FACES, *FACES})
            for found in imports(module):
                package, _, rest = found.name.partition(".")
                part = rest.partition(".")[0]
                if package == "routercore" and part in MAY_IMPORT and part not in allowed:
                    yield f"{module}:{found.line} imports {found.name}"

    report(
        breaches(),
        "an import points upwards: pass the value in, move the code down, or compose both in a "
        "part above (router, sync, server, cli):",
    )


def test_third_party_packages_stay_at_home() -> None:
    """Each third-party package is imported in the few modules that are its home."""

    def breaches() -> Iterator[str]:
        for module in core():
            for found in imports(module):
                homes = HOMES.get(found.top, ())
                if found.is_third_party and not any(fnmatch(module.path, home) for home in homes):
                    yield f"{module}:{found.line} imports {found.name}; its home is {homes}"

    report(
        breaches(),
        "a third-party package is imported away from home: use what its home offers, or give it "
        "a home in HOMES and a reason in the commit:",
    )


def test_contract_needs_the_standard_library_alone() -> None:
    """values, provider and routing import no third-party package, but pluggy in the hooks."""

    def breaches() -> Iterator[str]:
        for module in core():
            if module.part in {"values", "provider", "routing"} and module.path != HOOKS:
                for found in imports(module):
                    if found.is_third_party:
                        yield f"{module}:{found.line} imports {found.name}"

    report(breaches(), "what plugins and planning import must cost nothing; move it to engine:")


@pytest.mark.parametrize("module", plugins(), ids=str)
def test_plugins_import_the_contract_alone(module: Module) -> None:
    """A plugin imports routercore.provider, the standard library, itself and its vendor's SDK."""
    own = {module.package, *VENDOR_LIBRARIES.get(module.package, ())}

    def breaches() -> Iterator[str]:
        for found in imports(module):
            theirs = found.top.startswith("routercore") or found.is_third_party
            contract = found.name == "routercore.provider"
            if theirs and not contract and found.top not in own:
                yield f"{module}:{found.line} imports {found.name}"

    report(
        breaches(),
        "a plugin depends on more than its contract: what is missing belongs in "
        "routercore.provider, and a vendor's library in VENDOR_LIBRARIES:",
    )


def test_pure_layers_have_no_clock_chance_log_or_socket() -> None:
    """Values, providers, routing, strategies and plugins import nothing that acts."""

    def breaches() -> Iterator[str]:
        for module in (*core(), *plugins()):
            if module.package == "routercore" and module.part not in PURE:
                continue
            for found in imports(module):
                if found.top in IMPURE and found.name not in ESCAPES.get(module.part, ()):
                    yield f"{module}:{found.line} imports {found.name}"

    report(
        breaches(),
        "only the engine acts: yield an effect (Wait, Call, Emit, Run), or take the time or the "
        "random source as an argument:",
    )


def test_pure_layers_draw_from_a_source_of_their_own() -> None:
    """Pure layers draw from a seeded random.Random or one passed in, never the shared one."""

    def breaches() -> Iterator[str]:
        for module in (*core(), *plugins()):
            if module.package == "routercore" and module.part not in PURE:
                continue
            for node in ast.walk(module.tree):
                draws = isinstance(node, ast.Call) and ast.unparse(node.func).startswith("random.")
                if draws and ast.unparse(node.func) != "random.Random":
                    yield f"{module}:{node.lineno} calls {ast.unparse(node.func)}"
                elif isinstance(node, ast.ImportFrom) and node.module == "random":
                    names = {alias.name for alias in node.names} - {"Random"}
                    yield from (f"{module}:{node.lineno} imports random.{name}" for name in names)

    report(breaches(), "take a random.Random as an argument, or seed one:")


def test_pure_layers_do_not_await() -> None:
    """Values, the contract, routing and strategies contain no asynchronous code."""
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)

    def breaches() -> Iterator[str]:
        for module in core():
            if module.part in PURE - {"providers"}:
                for node in ast.walk(module.tree):
                    # A protocol may describe an asynchronous callable: its body is dots alone.
                    if isinstance(node, kinds) and not is_declaration(node):
                        yield f"{module}:{node.lineno}"

    report(breaches(), "only the engine awaits; decide here, and perform in the engine:")


def is_declaration(node: ast.AST) -> bool:
    """Whether a function only declares a shape."""
    if not isinstance(node, ast.AsyncFunctionDef):
        return False
    return all(
        isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in node.body
    )


def test_files_are_short() -> None:
    """No file has more than 400 lines."""

    def breaches() -> Iterator[str]:
        for module in (*core(), *plugins()):
            if module.lines > LONGEST_FILE:
                yield f"{module}: {module.lines} lines"

    report(breaches(), f"more than {LONGEST_FILE} lines hold more than one idea; split by idea:")


def test_functions_are_short() -> None:
    """No function has more than 50 lines without its docstring."""

    def breaches() -> Iterator[str]:
        for module in (*core(), *plugins()):
            for function in functions(module):
                if length(function) > LONGEST_FUNCTION:
                    yield f"{module}:{function.lineno} {function.name}: {length(function)} lines"

    report(
        breaches(), f"more than {LONGEST_FUNCTION} lines cannot be read at once; name its steps:"
    )


def test_modules_keep_no_state() -> None:
    """No module holds a container to be filled later, rebinds a global or changes a table."""

    def breaches() -> Iterator[str]:
        for module in (*core(), *plugins()):
            yield from (f"{module}:{line} {what}" for line, what in state(module.tree))

    report(breaches(), "a module keeps state between calls; give it an owner, such as the Router:")


@pytest.mark.parametrize(
    ("source", "breaches"),
    [
        ("SEEN = {}", 1),
        ("SEEN: set[str] = set()", 1),
        ("TABLE = {'a': 1}", 0),
        ("TABLE = {'a': 1}\ndef grow(): TABLE['b'] = 2", 1),
        ("TABLE = {'a': 1}\ndef grow(): TABLE.update(b=2)", 1),
        ("TABLE = {'a': 1}\ndef copy():\n    TABLE = {}\n    TABLE['b'] = 2", 0),
        ("COUNT = 0\ndef grow():\n    global COUNT\n    COUNT += 1", 1),
        ("NAMES = ('a', 'b')\ndef first(): return NAMES[0]", 0),
    ],
)
def test_state_is_seen(source: str, breaches: int) -> None:
    """The rule against state sees what it must, and leaves tables and local names alone."""
    assert breaches == len(list(state(ast.parse(source))))


def state(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every place where a module keeps or changes state."""
    names = set(top_level_names(tree))
    yield from empty_containers(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from changes(node, names)


def top_level_names(tree: ast.Module) -> Iterator[str]:
    """The names that a module binds to values."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def empty_containers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Module-level containers that are empty, and so are there to be filled."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        value = node.value
        literal = ast.unparse(value) in {"[]", "{}"} if value else False
        built = isinstance(value, ast.Call) and called(value) in CONTAINERS and not value.args
        if literal or built:
            yield node.lineno, f"binds an empty container: {ast.unparse(node)}"


def called(call: ast.Call) -> str:
    """The last name of what a call calls."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def changes(function: ast.AST, names: set[str]) -> Iterator[tuple[int, str]]:
    """Places in a function that rebind a global or change a module-level container."""
    local = {node.id for node in ast.walk(function) if is_bound(node)}
    local |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    shared = names - local
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            yield node.lineno, f"rebinds {', '.join(node.names)}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in shared and node.func.attr in MUTATORS:
                yield node.lineno, f"changes {owner.id} by {node.func.attr}()"
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            owner = node.value
            if isinstance(owner, ast.Name) and owner.id in shared:
                yield node.lineno, f"changes an entry of {owner.id}"


def is_bound(node: ast.AST) -> bool:
    """Whether a node binds a name."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
