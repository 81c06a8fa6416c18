"""Accounts on the running service, and how they sign in."""

import base64
import json
from typing import Any
from uuid import uuid4

import httpx

# Those of the document's examples, so that its example of a sign-in is one.
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"

Json = dict[str, Any]


class People:
    """Whoever has an account there."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)

    def sign_up(self, email: str | None = None) -> str:
        """A new account; its e-mail address."""
        email = email or new_email()
        body = {"email": email, "password": PASSWORD}
        self._client.post("/v1/users", json=body).raise_for_status()
        return email

    def sign_in(self, email: str) -> str:
        """An access token of a new session."""
        response = self._client.post("/v1/oauth/token", data=credentials(email))
        token: str = response.raise_for_status().json()["access_token"]
        return token

    def email_of(self, token: str) -> str:
        """Whose token it is."""
        response = self._client.get("/v1/users/me", headers={"Authorization": f"Bearer {token}"})
        email: str = response.raise_for_status().json()["email"]
        return email


def credentials(email: str) -> dict[str, str]:
    """The form that signs somebody in."""
    return {"grant_type": "password", "username": email, "password": PASSWORD}


def new_email() -> str:
    """An address that nobody has."""
    return f"{uuid4().hex}@example.com"


def session_of(token: str) -> str:
    """The session that an access token belongs to."""
    claims: Json = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return str(claims["sid"])
