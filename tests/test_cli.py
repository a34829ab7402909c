"""What operators do from a terminal: each command does what it says, or says in one line why not."""

import pytest

from pecapp import cli, db, settings, tables
from tests.support import factories
from tests.support.factories import the
from tests.test_settings import SAFE


def _address(folder):
    return f"sqlite:///{folder}/shop.db"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a command against a database file; its exit status and what it said."""
    monkeypatch.setenv("PECAPP_DATABASE_URL", _address(tmp_path))

    def command(*arguments):
        settings.load.cache_clear()
        status = cli.main(arguments)
        said = capsys.readouterr()
        return status, said.out + said.err

    yield command
    settings.load.cache_clear()


@pytest.fixture
def look(run, tmp_path):
    """Look into the command's database."""

    def look(read):
        db.configure(_address(tmp_path))
        try:
            return read()
        finally:
            db.dispose()

    return look


def test_a_shop_is_set_up_by_two_commands_and_repeating_them_changes_nothing(run, look):
    for command in ("migrate", "demo"):
        assert run(command) == (0, "")
    before = look(factories.dump)
    assert {row[1] for row in before["account"]} == {"1000001@login.ceralacca.test", "1000002@login.ceralacca.test"}
    assert before["product"]
    for command in ("migrate", "demo"):
        assert run(command) == (0, "")
    after = look(factories.dump)
    assert {name: rows for name, rows in after.items() if name != "counter"} == {
        name: rows for name, rows in before.items() if name != "counter"
    }


def test_the_demonstration_s_year_is_refused_where_money_is_real(run, monkeypatch):
    status, said = run("demo-year")
    assert status == 1
    assert said.startswith("pecapp: the demonstration's year")
    monkeypatch.setenv("STRIPE_API_BASE", "http://localhost:1")
    for name, value in SAFE.items():
        monkeypatch.setenv(name, value)
    assert run("demo-year")[0] == 1


def test_demonstration_data_are_refused_in_production(run, look, monkeypatch):
    assert run("migrate")[0] == 0
    for name, value in SAFE.items():
        monkeypatch.setenv(name, value)
    status, said = run("demo")
    assert (status, said.count("\n")) == (1, 1)
    assert "production" in said
    assert look(lambda: factories.rows(tables.Account)) == []


def test_unsafe_settings_stop_every_command_with_one_line(run, monkeypatch):
    monkeypatch.setenv("PECAPP_ENVIRONMENT", "production")
    status, said = run("migrate")
    assert (status, said.count("\n")) == (1, 1)
    assert said.startswith("pecapp: unsafe in production: ")


def test_a_member_of_staff_is_made_once(run, look, monkeypatch):
    run("migrate")
    monkeypatch.setattr("getpass.getpass", lambda _: "a long enough pass phrase")
    status, login = run("create-admin", "staff@example.test")
    account = look(lambda: the(tables.Account))
    assert (status, login.strip(), account.role) == (0, account.login, "owner")
    status, said = run("create-admin", "staff@example.test")
    assert (status, "EMAIL_GIA_REGISTRATA" in said) == (1, True)
    assert len(look(lambda: factories.rows(tables.Account))) == 1


@pytest.mark.parametrize(
    ("email", "password"), [("not an address", "a long enough pass phrase"), ("a@example.test", "x")]
)
def test_a_bad_address_or_password_makes_nobody(run, look, monkeypatch, email, password):
    run("migrate")
    monkeypatch.setattr("getpass.getpass", lambda _: password)
    assert run("create-admin", email)[0] == 1
    assert look(lambda: factories.rows(tables.Account)) == []


def test_a_catalogue_that_contradicts_itself_is_refused_whole(run, look, tmp_path):
    run("migrate")
    file = tmp_path / "catalogue.toml"
    file.write_text('domains = ["x.test"]\n[[price]]\nproduct_code = "NOPE"\nvalid_from = 2026-01-01\nnet_cents = 1\n')
    status, said = run("catalogue", str(file))
    assert (status, said.count("\n")) == (1, 1)
    assert look(lambda: factories.rows(tables.CertifiedDomain)) == []


@pytest.mark.parametrize("file", ["missing.toml", "broken.toml"])
def test_a_catalogue_that_cannot_be_read_is_said_in_one_line(run, tmp_path, file):
    (tmp_path / "broken.toml").write_text("this is = = not toml")
    run("migrate")
    status, said = run("catalogue", str(tmp_path / file))
    assert (status, said.count("\n"), said.startswith("pecapp: ")) == (1, 1, True)
