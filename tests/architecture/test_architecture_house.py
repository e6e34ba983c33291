"""The rules of the house that import-linter, ruff and mypy cannot see."""

import ast
import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from repository import ROOT, committed, sources

from execution_recorder.settings import Settings as RecorderSettings
from orchestrator_worker.settings import Settings as WorkerSettings
from scheduler_sync.settings import Settings as SchedulerSettings
from trigger_api.settings import Settings as ApiSettings
from trigger_contracts import streams
from webhook_ingress.settings import Settings as IngressSettings

SETTINGS: dict[str, type[msgspec.Struct]] = {
    "trigger-api": ApiSettings,
    "webhook-ingress": IngressSettings,
    "scheduler-sync": SchedulerSettings,
    "orchestrator-worker": WorkerSettings,
    "execution-recorder": RecorderSettings,
}
SERVICES = sorted(SETTINGS)


def package(service: str) -> Path:
    return ROOT / "services" / service / "src" / service.replace("-", "_")


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    folder = package(service)
    rooms = [
        "__init__.py",
        "__main__.py",
        "app.py",
        "settings.py",
        "domain",
        "adapters",
        "entrypoints",
        "py.typed",
    ]
    assert [room for room in rooms if not (folder / room).exists()] == []
    assert (folder.parents[1] / "pyproject.toml").exists()
    assert {path.name for path in (folder.parents[1] / "tests").iterdir()} >= {"unit", "integration"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_is_in_the_services_readme(service: str) -> None:
    readme = (ROOT / "services" / service / "README.md").read_text()
    assert [name for name in _variables(SETTINGS[service]) if f"`{name}`" not in readme] == []


def _variables(kind: type[msgspec.Struct]) -> list[str]:
    names: list[str] = []
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            names += _variables(field.type)
        else:
            names.append(field.name.upper())
    return names


def test_modules_stay_small() -> None:
    long = {path.name: n for path in sources() if (n := len(path.read_text().splitlines())) > 300}
    assert long == {}


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in committed() if re.fullmatch(r"test_.*\.py", path.name)]
    assert sorted(names) == sorted(set(names))


def test_names_that_say_nothing_are_not_used() -> None:
    vague = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"}
    assert [path for path in sources() if path.stem in vague or path.parent.name in vague] == []


def test_subjects_are_spelled_in_one_place() -> None:
    heads = "|".join(sorted({subject.split(".")[0] for stream in streams.ALL for subject in stream.subjects}))
    literal = re.compile(rf"""["'](?:{heads})\.(?:[a-z*>{{]|$)""")
    # The embedded stack publishes as a stranger would: it knows what the guide says, not the contracts.
    elsewhere = [path for path in sources() if path.name != "streams.py" and "embedded" not in path.parts]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in elsewhere
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if literal.search(line) and not line.lstrip().startswith(("#", '"""'))
    ]
    assert found == []


def test_messages_are_settled_in_one_file() -> None:
    settling = re.compile(r"\.(?:ack|ack_sync|nak|term|in_progress)\(")
    found = {path.name for path in sources() if settling.search(path.read_text())}
    assert found == {"consumer.py"}


def test_nothing_committed_belongs_to_one_machine() -> None:
    registry = "|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.(org|com)"])
    absolute = r"(?<![\w./$}~-])/(?:home|root|Users|work|opt)/\w"
    pattern = re.compile(rf"https?://\S*(?:{registry})|{absolute}")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in committed()
        if path.suffix not in {".png", ".ico"} and path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_the_lock_is_hashed_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    packages = re.split(r"\n(?=\S)", lock.strip())
    assert [text.splitlines()[0] for text in packages if "--hash=sha256:" not in text] == []


def test_every_named_dependency_is_in_the_lock() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    locked = {_normal(name) for name in re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)}
    projects = [tomllib.loads(path.read_text())["project"] for path in ROOT.glob("*/*/pyproject.toml")]
    ours = {_normal(project["name"]) for project in projects}
    wanted = {
        _normal(re.split(r"[\[<>=;! ]", text)[0])
        for project in projects
        for text in [
            *project.get("dependencies", []),
            *(item for group in project.get("optional-dependencies", {}).values() for item in group),
        ]
    }
    assert wanted - locked - ours == set()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("service", ["trigger-api", "execution-recorder"])
def test_a_migration_that_was_released_is_never_edited(service: str) -> None:
    folder = package(service) / "migrations"
    sums = dict(line.split("  ")[::-1] for line in (folder / "SUMS").read_text().splitlines())
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.sql")}
    assert files == sums


WIRED_IN_APP = {"Follower", "Consumer", "Responder", "SchemaWatch", "HttpListener", "TokenVerifier"}


def _modules(service: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(package(service).rglob("*.py")):
        yield str(path.relative_to(package(service))), ast.parse(path.read_text())


def _calls(module: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _places(service: str, names: set[str]) -> set[tuple[str, str]]:
    """Return where a service calls one of the names: (name, module)."""
    return {
        (_called(call), path)
        for path, module in _modules(service)
        for call in _calls(module)
        if _called(call) in names
    }


@pytest.mark.parametrize("service", SERVICES)
def test_components_are_made_in_the_composition_root(service: str) -> None:
    assert {place for place in _places(service, WIRED_IN_APP) if place[1] != "app.py"} == set()


@pytest.mark.parametrize("service", SERVICES)
def test_subscriptions_are_constants_and_handlers_functions(service: str) -> None:
    places = _places(service, {"Subscription"})
    assert places <= {("Subscription", "entrypoints/consumers.py")}
    if not places:
        return
    consumers = ast.parse((package(service) / "entrypoints" / "consumers.py").read_text())
    assert [node.name for node in consumers.body if isinstance(node, ast.ClassDef)] == []
    handlers = [node.name for node in consumers.body if isinstance(node, ast.AsyncFunctionDef)]
    assert handlers != []
    assert [name for name in handlers if not name.startswith("on_")] == []
    constants = [node for node in consumers.body if isinstance(node, ast.AnnAssign)]
    assert any(isinstance(node.value, ast.Call) for node in constants)


@pytest.mark.parametrize("service", SERVICES)
def test_errors_become_problems_by_one_function_name(service: str) -> None:
    app = ast.parse((package(service) / "app.py").read_text())
    maps = [
        ast.unparse(keyword.value)
        for call in _calls(app)
        for keyword in call.keywords
        if keyword.arg == "error_map"
    ]
    has_one = (package(service) / "entrypoints" / "error_map.py").exists()
    assert maps == (["problem_of"] if has_one else [])


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_are_named_in_one_module(service: str) -> None:
    assigned = {
        path
        for path, module in _modules(service)
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and "MIGRATIONS" in ast.unparse(node).split()[0]
    }
    has_some = (package(service) / "migrations").exists()
    assert assigned == ({"adapters/schema.py"} if has_some else set())


@pytest.mark.parametrize("service", SERVICES)
def test_protocols_are_ports(service: str) -> None:
    """What a use case needs is a port; the domain's protocols type data, an entrypoint's its server."""
    protocols = {
        path
        for path, module in _modules(service)
        if not path.startswith(("domain/", "entrypoints/"))
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and "Protocol" in {ast.unparse(base) for base in node.bases}
    }
    assert protocols <= {"ports.py"}


@pytest.mark.parametrize("page", ["architecture.md", "glossary.md"])
def test_the_files_that_a_page_names_exist(page: str) -> None:
    """A path without a service is within the last one that was named, as a reader follows it."""
    folder, missing = ROOT, list[str]()
    for name in re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|md))`", (ROOT / "docs" / page).read_text()):
        found = next(
            (
                base / name
                for base in (ROOT, folder, folder.parent, *(package(service) for service in SERVICES))
                if (base / name).exists()
            ),
            None,
        ) or next((path for service in SERVICES if (path := package(service).parent / name).exists()), None)
        if found is None and not any(path.as_posix().endswith(f"/{name}") for path in committed()):
            missing.append(name)
        elif found is not None and found.suffix == ".py" and "src" in found.parts:
            parts = found.parts
            folder = Path(*parts[: parts.index("src") + 2])
    assert missing == []
