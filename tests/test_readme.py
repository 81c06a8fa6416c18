"""The README, as it stands: its commands work, and what it says of the code is so."""

import asyncio
import json
import re
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner

from app.cli.main import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


async def test_the_curl_lines_lead_from_sign_up_to_a_listed_todo(app: FastAPI) -> None:
    script = re.search(r"## From sign-up to a first todo.*?```sh\n(.*?)```", README, re.DOTALL)
    assert script is not None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve([listener]))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", script[1].replace("127.0.0.1:8000", address)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await shell.communicate()
        server.should_exit = True
        await serving

    assert shell.returncode == 0, (output, errors)
    user, todo, page = json.JSONDecoder().decode(f"[{output.decode().replace('}{', '},{')}]")
    assert user["email"] == "ada@example.com"
    assert todo["title"] == "Book the train"
    assert page["items"] == [todo]


def test_the_settings_are_those_of_the_code() -> None:
    table = re.search(r"<!-- settings: .*? -->\n(.*?)\n<!-- /settings -->", README, re.DOTALL)
    printed = CliRunner().invoke(cli, ["settings"])

    assert printed.exit_code == 0
    assert table is not None
    assert table[1] == printed.output.strip()


def test_what_it_says_is_somewhere_is_there() -> None:
    tree = re.search(r"## Where what lives\n\n```\n(.*?)```", README, re.DOTALL)
    assert tree is not None
    folder = ROOT
    for line in tree[1].splitlines():
        name = line.split()[0]
        path = ROOT / name if not line.startswith(" ") else folder / name
        assert path.exists(), name
        folder = path if not line.startswith(" ") else folder


def test_the_commands_are_those_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = "".join(re.findall(r"^```.*?^```", README, re.MULTILINE | re.DOTALL))
    # In prose the word may be another sentence's.
    named = {*re.findall(r"`make ([a-z-]+)", README)}
    named |= {*re.findall(r"^make ([a-z-]+)", blocks, re.MULTILINE)}

    assert named <= targets
    assert {"run", "test", "check"} <= named
