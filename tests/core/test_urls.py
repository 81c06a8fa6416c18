"""The stores' URLs as platforms give them: understood whole, or refused at the start."""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from asyncpg import connect_utils
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import make_url

from app.core import urls
from app.core.settings import Settings
from tests.certificates import Authority, pem
from tests.core.refused_urls import refusal

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
NAMES = st.one_of(
    st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,5}){0,2}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
)
PORTS = st.none() | st.integers(1, 65535)
# The driver asks the standard library, which takes one in brackets beside others, or does not.
HOSTS = st.one_of(
    st.lists(st.tuples(NAMES, PORTS), min_size=1, max_size=3),
    st.tuples(st.ip_addresses(v=6).map(lambda address: f"[{address}]"), PORTS).map(
        lambda one: [one]
    ),
)


def arguments(url: str) -> dict[str, Any]:
    return urls.postgres(url).arguments


def as_the_driver_reads(url: str) -> tuple[list[Any], Any]:
    """asyncpg's own reading of a URL."""
    names = (
        "host port user password passfile database ssl service servicefile direct_tls "
        "server_settings target_session_attrs krbsrvname gsslib"
    )
    given: Any = dict.fromkeys(names.split())
    addresses, parameters = connect_utils._parse_connect_dsn_and_args(  # type: ignore[attr-defined]
        dsn=url, **given
    )
    return addresses, parameters


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA's certificate."""
    file = tmp_path_factory.mktemp("authority") / "root.pem"
    file.write_bytes(pem(Authority().root))
    return file


class TestPostgres:
    @given(
        user=TEXT,
        password=TEXT,
        hosts=HOSTS,
        database=st.from_regex(r"[a-z][a-z0-9_ %?&]{0,20}", fullmatch=True),
        scheme=st.sampled_from(["postgres", "postgresql"]),
    )
    def test_is_read_as_the_driver_reads_it(
        self,
        user: str,
        password: str,
        hosts: list[tuple[str, int | None]],
        database: str,
        scheme: str,
    ) -> None:
        netloc = ",".join(f"{host}:{port}" if port else host for host, port in hosts)
        userinfo = f"{quote(user, safe='')}:{quote(password, safe='')}"
        url = f"{scheme}://{userinfo}@{netloc}/{quote(database)}?sslmode=prefer"

        read = arguments(url)
        addresses, parameters = as_the_driver_reads(url)
        assert list(zip(read["host"], read["port"], strict=True)) == addresses
        assert (read["user"], read["password"]) == (user, password)
        assert (parameters.user, parameters.password) == (user, password)
        assert read["database"] == parameters.database == database

    def test_may_have_several_hosts_of_any_kind(self) -> None:
        read = arguments("postgresql://ada@[::1]:5433,db.example,10.0.0.1:7,[fe80::2]/tickbox")
        assert read["host"] == ["::1", "db.example", "10.0.0.1", "fe80::2"]
        assert read["port"] == [5433, 5432, 7, 5432]

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
    def test_has_any_of_its_schemes(self, scheme: str) -> None:
        read = arguments(f"{scheme}://ada:x%40y@db.example:5433/tickbox")
        assert (read["host"], read["port"]) == (["db.example"], [5433])
        assert (read["user"], read["password"], read["database"]) == ("ada", "x@y", "tickbox")

    def test_may_end_in_a_line_break_as_files_do(self) -> None:
        assert arguments("postgresql://h/db\n")["database"] == "db"

    def test_may_have_a_password_with_what_should_be_escaped(self) -> None:
        assert arguments("postgresql://ada:a@b:c@h/db")["password"] == "a@b:c"

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://postgres@/tickbox?host=/run/postgres&port=5433",
            "postgresql://postgres@%2Frun%2Fpostgres:5433/tickbox",
        ],
    )
    def test_may_name_the_folder_of_a_socket(self, url: str) -> None:
        if "%2F" in url:
            # The driver's spelling of it takes its port from the query alone.
            url = url.replace(":5433", "") + "?port=5433"
        read = arguments(url)
        assert (read["host"], read["port"]) == (["/run/postgres"], [5433])

    def test_may_have_ports_of_its_own(self) -> None:
        assert arguments("postgresql://a,b/db?port=1,2")["port"] == [1, 2]
        assert arguments("postgresql://a,b/db?port=1")["port"] == [1, 1]
        assert arguments("postgresql://a:7,b/db")["port"] == [7, 5432]

    def test_is_read_as_sqlalchemy_reads_it(self) -> None:
        url = "postgresql://ada:p%2Fw%3A%25@[::1]:5433/tickbox"
        theirs, read = make_url(url), arguments(url)
        assert [theirs.host] == read["host"]
        assert [theirs.port] == read["port"]
        assert (theirs.username, theirs.password) == (read["user"], read["password"])

    def test_may_say_what_the_session_is_called_and_how_long_to_wait(self) -> None:
        read = arguments(
            "postgresql://h/db?application_name=todo%20list&options=-c%20search_path%3Da+b"
            "&connect_timeout=3&target_session_attrs=read-write"
        )
        assert read["server_settings"] == {
            "application_name": "todo list",
            "options": "-c search_path=a+b",
        }
        assert read["timeout"] == 3
        assert read["target_session_attrs"] == "read-write"

    @pytest.mark.parametrize("seconds", ["0", "-1"])
    def test_that_waits_for_ever_waits_as_long_as_without_a_word(self, seconds: str) -> None:
        read = arguments(f"postgresql://h/db?connect_timeout={seconds}")
        assert read == arguments("postgresql://h/db")

    def test_may_say_behind_the_question_mark_who_it_is_and_where(self) -> None:
        read = arguments("postgresql://h/?user=ad%40a&password=p+w%26&dbname=tick%20box")
        assert (read["user"], read["password"], read["database"]) == ("ad@a", "p+w&", "tick box")
        url = "postgresql:///?host=/run&user=ada&dbname=d"
        assert arguments(url) == arguments("postgresql://ada@%2Frun/d")

    @pytest.mark.parametrize(
        "query",
        [
            "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=5",
            "gssencmode=disable",
            "sslnegotiation=postgres",
            "fallback_application_name=psql",
            "load_balance_hosts=disable&tcp_user_timeout=0",
        ],
    )
    def test_may_say_what_changes_nothing_here(self, query: str) -> None:
        assert arguments(f"postgresql://h/db?{query}") == arguments("postgresql://h/db")

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("mysql://u:geheim@h/db", "is no URL"),
            ("geheim-4711", "is no URL"),
            ("postgresql://", "is no URL"),
            ("postgresql:///db", "names no host"),
            ("postgresql://u:geheim@h", "or no database"),
            ("postgresql://u:geheim@h/", "or no database"),
            ("postgresql://u:geheim@[h/db", "host that is none"),
            ("postgresql://u:gehe/im@h/db", "host that is none"),
            ("postgresql://u:geheim@h:x/db", "host that is none"),
            ("postgresql://u:geheim@a,,b/db", "host that is none"),
            ("postgresql://u:geheim@h:0/db", "port that is none"),
            ("postgresql://u:geheim@h:65536/db", "port that is none"),
            ("postgresql://u:geheim@a,b,c/db?port=1,2", "not one for each host"),
            ("postgresql://u:geheim@a/db?host=geheim", "names its host twice"),
            ("postgresql://u:x@h/db?geheim=1", "parameter other than host, port, user"),
            ("postgresql://u:gehe?im@h/db", "parameter other than"),
            ("postgresql://h/db?sslmode=geheim", "sslmode other than disable"),
            ("postgresql://h/db?ssl=geheim", "sslmode other than disable"),
            ("postgresql://h/db?channel_binding=geheim", "channel_binding other than"),
            ("postgresql://h/db?target_session_attrs=geheim", "target_session_attrs other than"),
            ("postgresql://h/db?pgbouncer=geheim", "pgbouncer other than true and false"),
            ("postgresql://h/db?connect_timeout=1.5", "no number of seconds"),
            ("postgresql://u:geheim@h/db?user=geheim", "names its user twice"),
            ("postgresql://u:geheim@h/db?password=geheim", "names its password twice"),
            ("postgresql://u:geheim@h/db?dbname=geheim", "names its database twice"),
            ("postgresql://h/?dbname=", "or no database"),
            ("postgresql://h/db?gssencmode=require", "gssencmode other than disable and prefer"),
            ("postgresql://h/db?sslnegotiation=direct", "sslnegotiation other than postgres"),
            ("postgresql://h/db?load_balance_hosts=random", "load_balance_hosts other than"),
            ("postgresql://h/db?connect_timeout=geheim", "no number of seconds"),
            ("postgresql://h/db?sslmode=disable&channel_binding=require", "forbids the TLS"),
            ("postgresql://h/db?sslmode=verify-ca", "no CA by sslrootcert"),
            ("postgresql://h/db?sslmode=verify-ca&sslrootcert=system", "no CA by sslrootcert"),
            ("postgresql://h/db?sslmode=verify-full&sslrootcert=/geheim", "cannot be read"),
            ("postgresql://h/db?sslmode=require&sslcert=/geheim&sslkey=/geheim", "cannot be read"),
            ("postgresql://h/db?sslmode=require&sslkey=/geheim", "no certificate that it is for"),
            ("postgresql://h/db?sslrootcert=/geheim", "sslmode of require and above"),
        ],
    )
    def test_is_refused_with_a_reason(self, url: str, why: str) -> None:
        assert why in refusal("database_url", url)
        with pytest.raises(ValidationError):
            Settings.model_validate(
                {"database_url": "postgresql://h/db", "redis_url": "redis://h"}
                | {"database_read_url": url}
            )


class TestPostgresTls:
    @pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
    def test_that_verifies_nothing_is_the_drivers(self, mode: str) -> None:
        assert arguments(f"postgresql://h/db?sslmode={mode}")["ssl"] == mode
        assert arguments("postgresql://h/db")["ssl"] is None

    @pytest.mark.parametrize(
        ("query", "verifies", "checks_host"),
        [
            ("sslmode=require", False, False),
            ("ssl=true", False, False),
            ("ssl=require", False, False),
            ("sslmode=require&sslrootcert=CA", True, False),
            ("sslmode=verify-ca&sslrootcert=CA", True, False),
            ("sslmode=verify-full&sslrootcert=CA", True, True),
            ("sslmode=verify-full", True, True),
            ("sslmode=verify-full&sslrootcert=system", True, True),
            ("sslmode=require&sslrootcert=system", True, True),
            # The driver binds no channel: then the certificate has to say whose server it is.
            ("channel_binding=require", True, True),
            ("sslmode=require&channel_binding=require", True, True),
            ("sslmode=verify-ca&sslrootcert=CA&channel_binding=require", True, False),
            ("sslmode=require&channel_binding=prefer", False, False),
        ],
    )
    def test_verifies_what_libpq_does(
        self, query: str, verifies: bool, checks_host: bool, root: Path
    ) -> None:
        query = query.replace("CA", str(root))
        context = arguments(f"postgresql://h/db?{query}")["ssl"]
        assert isinstance(context, ssl.SSLContext)
        assert context.verify_mode == (ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)
        assert context.check_hostname == checks_host
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2

    def test_trusts_the_ca_that_is_named_and_no_other(self, root: Path) -> None:
        url = f"postgresql://h/db?sslmode=verify-full&sslrootcert={root}"
        [trusted] = arguments(url)["ssl"].get_ca_certs()
        assert trusted["subject"] == ((("commonName", "Root"),),)

    def test_takes_a_ca_from_where_libpq_does(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGSSLROOTCERT", str(root))
        context = arguments("postgresql://h/db?sslmode=verify-ca")["ssl"]
        assert len(context.get_ca_certs()) == 1

    def test_refuses_a_file_that_holds_something_else(self, tmp_path: Path) -> None:
        file = tmp_path / "ca.pem"
        file.write_text("geheim")
        url = f"postgresql://h/db?sslmode=verify-full&sslrootcert={file}"
        assert "holds no such certificate" in refusal("database_url", url)
