"""A store as a whole: its data folder, its database, and the rooms in it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from sqlalchemy import select

from mspike.errors import UnreadableInput, WrongUsage
from mspike.store.adjudications import Adjudications
from mspike.store.audit import Audit
from mspike.store.database import Clock, Database, utc_now
from mspike.store.disk import naming_full_disk
from mspike.store.house_key import FILE, HouseKey
from mspike.store.migrate import migrate
from mspike.store.models import AuditHead
from mspike.store.notes import Notes
from mspike.store.people import People
from mspike.store.registries import Registries
from mspike.store.sessions import Sessions

SQLITE = "store.sqlite"


class Store:
    """Registries, people, notes and the log. Everything that is told as kept is on the disk.

    folder  the data folder: registries/, backups/, house.key, and store.sqlite unless the database is elsewhere
    """

    def __init__(self, folder: Path, database: Database, key: HouseKey) -> None:
        self.folder, self.database, self.key = folder, database, key
        self.audit = Audit(database, key)
        self.people = People(database, self.audit)
        self.sessions = Sessions(database, self.audit, key)
        self.registries = Registries(database, self.audit, folder)
        self.notes = Notes(database, self.audit)
        self.adjudications = Adjudications(database, self.audit)

    @classmethod
    def open(cls, url_or_folder: str | Path, folder: str | Path | None = None, *, clock: Clock = utc_now) -> Store:
        """Opens a store, and makes what is missing: the folder, the key, the tables.

        url_or_folder  a folder, in which SQLite keeps the database; or postgresql+pg8000://USER:PASSWORD@HOST/DATABASE
        folder         the data folder, where a database is named by its URL

        Raises WrongUsage for another kind of URL, or one without a folder; StoreAway where the database does not
        answer; UnreadableInput where the store's key is gone.
        """
        url, data = _places(url_or_folder, folder)
        with naming_full_disk(data, "Nothing was opened."):
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            database = Database(url or f"sqlite:///{_private(data / SQLITE)}", clock)
            try:
                migrate(database)
                store = cls(data, database, _key(data, database))
                store.audit.begin()
                store.registries.clear_leftovers()
            except BaseException:
                database.close()
                raise
        return store

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _places(url_or_folder: str | Path, folder: str | Path | None) -> tuple[str | None, Path]:
    """The URL, where one is named, and the data folder."""
    if "://" not in str(url_or_folder):
        if folder is not None:
            raise WrongUsage("Two folders were named. Expected one, or the URL of a database and a folder.")
        return None, Path(url_or_folder).absolute()
    if folder is None:
        raise WrongUsage(
            "A database was named by its URL, but no data folder. Name a folder beside it: the files of the registries "
            "and the house key are kept there."
        )
    return str(url_or_folder), Path(folder).absolute()


def _private(file: Path) -> Path:
    """The database file, readable by its owner alone from the first byte on."""
    file.touch(mode=0o600)
    return file


def _key(folder: Path, database: Database) -> HouseKey:
    """The key. A store that has a log but no key is refused: a new key would fit nothing that was signed before."""
    if not (folder / FILE).exists():
        with database.reading() as session:
            begun = session.scalar(select(AuditHead.id))
        if begun is not None:
            raise UnreadableInput(
                f"{folder / FILE}: the key of this house is gone; its audit log was signed with it. Put the file back "
                "from a backup, or restore the backup into an empty folder."
            )
    return HouseKey.of(folder)
