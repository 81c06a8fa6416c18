"""`tickbox doctor` as a command: what it prints, and its exit code."""

from app.cli.doctor.examination import CHECKS
from app.core.settings import Settings
from tests.cli.doctor.examined import CANARY
from tests.commands import environment, invoke, run


def test_a_line_a_check(valkey: Settings) -> None:
    env = environment(valkey, TICKBOX_ISSUER="https://tickbox.example")
    done = run("doctor", env=env)
    assert (done.code, done.errors) == (0, "")
    lines = [line.split(maxsplit=1) for line in done.output.splitlines()]
    assert [state for state, _ in lines] == ["ok"] * len(CHECKS)
    assert [said.partition(": ")[0] for _, said in lines] == list(CHECKS)


def test_what_cannot_be_looked_at_is_a_line_too(settings: Settings) -> None:
    done = invoke("doctor", env=environment(settings, TICKBOX_PORT="70000"))
    assert (done.code, done.errors) == (1, "")
    first, *others = done.output.splitlines()
    assert first.startswith("failed   settings: ")
    assert [line.split(": ")[0].split(maxsplit=1) for line in others] == [
        ["skipped", check] for check in CHECKS if check != "settings"
    ]


def test_nothing_secret_and_nothing_that_a_terminal_obeys(settings: Settings) -> None:
    secret = {
        "TICKBOX_DATABASE_URL": f"postgresql://{CANARY}:{CANARY}@127.0.0.1:1/{CANARY}",
        "TICKBOX_REDIS_URL": f"redis://{CANARY}:{CANARY}@127.0.0.1:1",
        "TICKBOX_SIGNING_KEYS": CANARY,
        "TICKBOX_\x1b[31mRED\r\n": CANARY,
    }
    wrong = {"TICKBOX_LOG_LEVEL": f"{CANARY}\n", "TICKBOX_SECRET_KEY": CANARY}
    done = run("doctor", env=environment(settings, **secret))
    refused = invoke("doctor", env=environment(settings, **secret, **wrong))
    assert done.code == refused.code == 1
    assert "geheim" not in refused.output + refused.errors
    assert "geheim" not in done.output + done.errors
    assert not {"\x1b", "\r"} & set(done.output)
    assert {line.split()[0] for line in done.output.splitlines()} <= {
        "ok",
        "warning",
        "failed",
        "skipped",
    }
