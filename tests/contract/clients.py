"""Clients in four languages, made of the OpenAPI document by openapi-generator, and compiled.

`python -m tests.contract.clients DOCUMENT FOLDER TOOLS`: FOLDER is where the clients go, TOOLS the
environment of `requirements/clients.txt`. What this machine has no compiler for is not compiled,
and that is said.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

GO_PACKAGES = Path("/usr/share/gocode")
JARS = [
    Path("/usr/share/java") / f"{name}.jar" for name in ("httpmime", "geronimo-annotation-1.3-spec")
]


@dataclass(frozen=True)
class Client:
    """How a client is made; `options` are the generator's, all others are as it has them."""

    generator: str
    library: str | None = None
    options: dict[str, str] = field(default_factory=dict)


CLIENTS = {
    # The one library that needs no other packages than Debian has.
    "java": Client("java", "native", {"openApiNullable": "false", "documentationProvider": "none"}),
    "go": Client("go"),
    "typescript": Client("typescript-fetch"),
    "python": Client("python"),
}


def _generate(document: Path, folder: Path, jar: Path) -> None:
    configurations = []
    for name, client in CLIENTS.items():
        configuration = folder / f"{name}.json"
        settings = {
            "generatorName": client.generator,
            "inputSpec": str(document),
            "outputDir": str(folder / name),
            "additionalProperties": client.options,
        }
        if client.library is not None:
            settings["library"] = client.library
        configuration.write_text(json.dumps(settings))
        configurations.append(str(configuration))
    # One Java machine for all, at the same time.
    _run(["java", "-jar", str(jar), "batch", "--fail-fast", *configurations], folder)


def _compile(name: str, folder: Path, tools: Path, jar: Path) -> str | None:
    """Compile one of them. Returns what is missing for that, if anything is."""
    client = folder / name
    match name:
        case "java":
            if shutil.which("javac") is None or not all(path.is_file() for path in JARS):
                return "default-jdk-headless libhttpmime-java libgeronimo-annotation-1.3-spec-java"
            sources = map(str, (client / "src/main").rglob("*.java"))
            path = ":".join(map(str, [jar, *JARS]))
            _run(["javac", "-nowarn", "-cp", path, "-d", "classes", *sources], folder)
        case "go":
            needed = ("golang.org/x/oauth2", "gopkg.in/validator.v2")
            found = all((GO_PACKAGES / "src" / package).is_dir() for package in needed)
            if shutil.which("go") is None or not found:
                return "golang-go golang-golang-x-oauth2-dev golang-gopkg-validator.v2-dev"
            packages = ["GO111MODULE=off", f"GOPATH={GO_PACKAGES}", "GOFLAGS="]
            _run(["env", *packages, "go", "vet", "."], client)
        case "typescript":
            tsc = str(folder.parent / ".bin/tsc")
            options = ["--strict", "--noEmit", "--target", "es2020", "--lib", "es2020,dom"]
            _run([tsc, *options, "--moduleResolution", "node", "index.ts"], client)
        case "python":
            _run([str(tools / "bin/python"), "-W", "error", "-c", "import openapi_client"], client)
    return None


def _run(command: list[str], folder: Path) -> None:
    """Raises `SystemExit`, with what the command said."""
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)[:200]}\n{(run.stdout + run.stderr)[-20_000:]}")


def main(document: Path, folder: Path, tools: Path) -> None:
    """Make all clients, and compile those that this machine can."""
    if shutil.which("java") is None:
        print("No clients are made: that needs Java 11 or later (Debian: default-jdk-headless).")
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    [jar] = tools.glob("lib/python*/site-packages/openapi_generator_cli/openapi-generator.jar")
    _generate(document, folder, jar)
    for name in CLIENTS:
        missing = _compile(name, folder, tools, jar)
        if missing is None:
            print(f"The client in {name} compiles.")
        else:
            print(f"The client in {name} is made and not compiled. Debian's packages: {missing}")


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:]))
