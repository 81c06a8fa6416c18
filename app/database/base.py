"""The one metadata that every feature's tables share."""

from sqlalchemy import MetaData, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase

_KEYS = (PrimaryKeyConstraint, UniqueConstraint)


class Base(DeclarativeBase):
    """The one metadata of all tables; every constraint has a name, so that errors can be mapped."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(model: type[Base]) -> Table:
    """The table that a model maps, for Core statements."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def key_columns(table: Table) -> set[str]:
    """The names of the columns that foreign keys may refer to."""
    unique = [each for each in table.constraints if isinstance(each, _KEYS)]
    indexes = [
        index
        for index in table.indexes
        if index.unique and index.dialect_options["postgresql"]["where"] is None
    ]
    return {column.name for key in (*unique, *indexes) for column in key.columns}
