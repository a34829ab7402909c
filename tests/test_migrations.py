"""The tables in the database: brought forward without loss, equal to the models, whole or not at all."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from pecapp import db, migrations, tables
from tests.support import factories
from tests.support.factories import VISA


def test_a_migrated_database_has_exactly_the_tables_of_the_models(database):
    with db.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.SQLModel.metadata) == []


def test_an_empty_database_becomes_the_newest_and_stays_it(tmp_path):
    db.configure(f"sqlite:///{tmp_path}/new/shop.db")
    try:
        for _ in range(2):
            migrations.upgrade()
            assert migrations.is_current()
        factories.stock()
    finally:
        db.dispose()


def test_nothing_of_a_filled_database_is_lost(database, frozen_clock):
    factories.stock()
    factories.settle(factories.opened(), card=VISA)
    before = factories.dump()
    migrations.upgrade()
    assert factories.dump() == before
    assert migrations.is_current()


def test_a_migration_that_fails_leaves_no_trace(database, monkeypatch):
    with db.engine().begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    before = factories.dump()
    with pytest.raises(Exception, match=r"already exists|esiste"):
        migrations.upgrade()
    assert factories.dump() == before
    with db.engine().connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() is None


def test_a_database_of_a_later_version_is_left_alone_with_a_clear_word(database):
    with db.engine().begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrations.MigrationError, match="9999"):
        migrations.upgrade()
    assert not migrations.is_current()


def test_the_database_itself_refuses_what_must_never_be(database, frozen_clock):
    order = factories.order()
    factories.attempt(order)
    with pytest.raises(Exception, match=r"(?i)unique"):
        factories.attempt(order)
    with pytest.raises(Exception, match=r"(?i)check"):
        factories.order(gross_cents=1)
    with pytest.raises(Exception, match=r"(?i)check"):
        factories.attempt(factories.order(), amount_cents=0)
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        factories.order(account_id=999)
