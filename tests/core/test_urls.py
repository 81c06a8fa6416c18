"""The stores' URLs as platforms give them: understood whole, or refused at the start."""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.core import urls
from app.core.settings import Settings
from tests import driver
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
    """What the driver makes of what it is given."""
    address, parameters = driver.read(url)
    return {
        "addresses": address,
        "user": parameters.user,
        "password": parameters.password,
        "database": parameters.database,
        "ssl": parameters.ssl,
        "sslmode": parameters.sslmode.name,
        "server_settings": parameters.server_settings,
        "target_session_attrs": parameters.target_session_attrs.value,
    }


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
    def test_reaches_the_driver_as_it_was_meant(
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
        places = [(host.strip("[]"), port or 5432) for host, port in hosts]
        assert read["addresses"] == places
        assert (read["user"], read["password"]) == (user, password)
        assert read["database"] == database
        assert urls.postgres(url).hosts == ",".join(host for host, _ in hosts)

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
    def test_has_any_of_its_schemes(self, scheme: str) -> None:
        read = arguments(f"{scheme}://ada:x%40y@db.example:5433/tickbox")
        assert read["addresses"] == [("db.example", 5433)]
        assert (read["user"], read["password"], read["database"]) == ("ada", "x@y", "tickbox")

    def test_may_end_in_a_line_break_as_files_do(self) -> None:
        assert arguments("postgresql://h/db\n")["database"] == "db"

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql+asyncpg://postgres@/tickbox?host=/run/postgres&port=5433",
            "postgresql:///tickbox?host=/run/postgres&port=5433",
            "postgresql://postgres@%2Frun%2Fpostgres/tickbox?port=5433",
        ],
    )
    def test_may_name_the_folder_of_a_socket(self, url: str) -> None:
        assert arguments(url)["addresses"] == ["/run/postgres/.s.PGSQL.5433"]
        assert urls.postgres(url).hosts == "/run/postgres"

    def test_may_name_a_folder_with_colons(self) -> None:
        url = "postgresql://ada:x@/tickbox?host=/cloudsql/project:region:instance"
        assert arguments(url)["addresses"] == ["/cloudsql/project:region:instance/.s.PGSQL.5432"]
        assert urls.postgres(url).hosts == "/cloudsql/project:region:instance"

    def test_may_have_ports_of_its_own(self) -> None:
        ports = {"a,b/db?port=1,2": [1, 2], "a:7,b/db": [7, 5432], "a,b/db?port=1": [1, 1]}
        for rest, expected in ports.items():
            addresses = arguments(f"postgresql://{rest}")["addresses"]
            assert addresses == list(zip("ab", expected, strict=True))

    def test_may_say_what_the_session_is_called(self) -> None:
        read = arguments(
            "postgresql://h/db?application_name=todo%20list&options=-c%20search_path%3Da+b"
            "&target_session_attrs=read-write"
        )
        assert read["server_settings"] == {
            "application_name": "todo list",
            "options": "-c search_path=a+b",
        }
        assert read["target_session_attrs"] == "read-write"

    def test_may_say_behind_the_question_mark_who_it_is_and_where(self) -> None:
        read = arguments("postgresql://h/?user=ad%40a&password=p+w%26&dbname=tick%20box")
        assert (read["user"], read["password"], read["database"]) == ("ad@a", "p+w&", "tick box")
        read = arguments("postgresql:///?host=/run&user=ada&dbname=d")
        assert read["addresses"] == ["/run/.s.PGSQL.5432"]
        assert (read["user"], read["database"]) == ("ada", "d")

    @pytest.mark.parametrize(
        "query",
        [
            "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=5",
            "gssencmode=disable",
            "fallback_application_name=psql",
            "pgbouncer=true",
            "tcp_user_timeout=0",
            "connect_timeout=3",
        ],
    )
    def test_may_say_what_changes_nothing_here(self, query: str) -> None:
        given = urls.postgres(f"postgresql://h/db?{query}").arguments
        assert given == {"dsn": "postgresql://h/db", "server_settings": {}}

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("mysql://u:geheim@h/db", "is no URL"),
            ("geheim-4711", "is no URL"),
            ("postgresql://", "names no host"),
            ("postgresql:///db", "names no host"),
            ("postgresql://u:geheim@h", "or no database"),
            ("postgresql://u:geheim@h/", "or no database"),
            ("postgresql://u:geheim@[h/db", "is no URL"),
            ("postgresql://u:gehe/im@h/db", "has a wrong host or port"),
            ("postgresql://u:geheim@h:x/db", "has a wrong host or port"),
            ("postgresql://u:geheim@a,,b/db", "has a wrong host or port"),
            ("postgresql://u:geheim@h:65536/db", "has a wrong host or port"),
            ("postgresql://u:geheim@h:0/db", "has a wrong host or port"),
            ("postgresql://u:geheim@h/db?port=0", "has a wrong host or port"),
            ("postgresql://u:geheim@a,b/db?port=1,geheim", "has a wrong host or port"),
            ("postgresql://u:a@geheim@h/db", "escape what is special in a password"),
            ("postgresql://u:ge heim@h/db", "is no URL"),
            ("postgresql://u:x@h/db?geheim=1", "parameter other than host, port, user"),
            ("postgresql://u:gehe?im@h/db", "parameter other than host"),
            ("postgresql://h/db?sslmode=", "sslmode other than disable"),
            ("postgresql://h/db?channel_binding=geheim&sslrootcert=/geheim", "cannot be read"),
            ("postgresql://h/db?sslmode=geheim", "sslmode other than disable"),
            ("postgresql://h/db?ssl=geheim", "sslmode other than disable"),
            ("postgresql://h/?dbname=", "or no database"),
            ("postgresql://h/db?load_balance_hosts=random", "parameter other than host"),
            ("postgresql://h/db?sslmode=verify-full&sslrootcert=/geheim", "cannot be read"),
            ("postgresql://h/db?sslmode=require&sslcert=/geheim&sslkey=/geheim", "cannot be read"),
            ("postgresql://h/db?sslrootcert=/geheim", "for an sslmode of require"),
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
        assert arguments(f"postgresql://h/db?sslmode={mode}")["sslmode"] == mode
        assert arguments("postgresql://h/db")["sslmode"] == "prefer"

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
            # Of any CA of the system's anybody may have a certificate: only its name tells whose.
            ("sslmode=verify-ca", True, True),
            ("sslmode=verify-ca&sslrootcert=system", True, True),
            ("sslmode=require&sslrootcert=system", True, True),
            # The driver binds no channel: then the certificate has to say whose server it is.
            ("channel_binding=require", True, True),
            ("sslmode=require&channel_binding=require", True, True),
            ("sslmode=disable&channel_binding=require", True, True),
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

    def test_refuses_a_file_that_holds_something_else(self, tmp_path: Path) -> None:
        file = tmp_path / "ca.pem"
        file.write_text("geheim")
        url = f"postgresql://h/db?sslmode=verify-full&sslrootcert={file}"
        assert "holds no such certificate" in refusal("database_url", url)
