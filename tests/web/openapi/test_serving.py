"""`/openapi.json`: the same document as `tickbox openapi` prints, made once."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from typer.testing import CliRunner

from app.cli.main import cli
from app.core.settings import Settings
from app.main import create_app
from app.web.openapi import document
from app.web.openapi.document import _document
from tests.apps import client_of
from tests.web.operations import DOCUMENT, Json


async def test_app_serves_the_document_that_the_command_prints(client: AsyncClient) -> None:
    served = (await client.get("/openapi.json")).json()
    assert served == DOCUMENT
    assert json.loads(CliRunner().invoke(cli, ["openapi"]).stdout) == DOCUMENT


async def test_document_is_made_and_encoded_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[FastAPI] = []

    def make(app: FastAPI, *features: Any) -> Json:
        made.append(app)
        return _document(app, *features)

    monkeypatch.setattr(document, "_document", make)
    app = create_app(settings)
    async with client_of(app) as client:
        answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(5)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert made == [app]
