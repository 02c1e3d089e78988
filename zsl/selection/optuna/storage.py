"""The database of a search: opening, locking, and heartbeats of running trials."""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from zsl.errors import InputError

KEY = "search.storage"
DRIVER = "install the driver of this database"
TABLES = frozenset(
    {"studies", "study_directions", "study_user_attributes", "trials", "trial_heartbeats"}
    | {"trial_intermediate_values", "trial_params", "trial_user_attributes", "trial_values"}
)
"""tables of Optuna that a search reads"""
PATIENCE = 60
"""seconds that a process waits while another process writes"""


class Storage:
    """A database that several processes (of several machines, if it is a server) may use at once.

    Args:
        address: ``sqlite:///FILE``, or another URL of SQLAlchemy.
        stale: seconds without a heartbeat after which a running trial counts as abandoned.

    Raises:
        InputError: the database cannot be opened; no message holds the address, which may hold a password.
    """

    def __init__(self, address: str, stale: int) -> None:
        if isinstance(stale, bool) or stale < 2:
            raise InputError(f"search.stale={stale}: must be at least 2 seconds")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.interval = max(1, stale // 6)
        self._url = _url(address)
        self._file = self._url.database if self._url.get_backend_name() == "sqlite" else None
        self._lock = FileLock(f"{self._file}.lock") if self._file else None
        self.optuna = self._opened(stale)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the database: a lock file beside an SQLite file, or a row lock on a server.

        The row is one that Optuna does not change. Either lock is released if the process dies.
        """
        if self._lock is not None:
            with self._beside():
                yield
            return
        with self.optuna.engine.begin() as connection:
            connection.execute(text("SELECT version_info_id FROM version_info FOR UPDATE"))
            yield

    @contextmanager
    def _beside(self) -> Iterator[None]:
        """Hold the lock file beside an SQLite file; do nothing for a server."""
        if self._lock is None:
            yield
            return
        with self._lock:
            try:
                yield
            finally:
                with suppress(OSError):  # a waiting process notices the deletion, and creates the file again
                    Path(self._lock.lock_file).unlink()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors of a database in use into an InputError of one line.

        Raises:
            InputError: the database is full, or no longer there.
        """
        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            raise InputError(f"{KEY}: {_reason(error)}; correct it and launch the same command to resume") from error

    def beat(self, study: optuna.Study, trial: optuna.Trial) -> None:
        """Record a heartbeat of a trial; ignore a failure, as only a trial that misses several counts as abandoned."""
        with suppress(StorageInternalError, SQLAlchemyError, LookupError):
            study_id = self.optuna.get_study_id_from_name(study.study_name)
            self.optuna.record_heartbeat(self.optuna.get_trial_id_from_study_id_trial_number(study_id, trial.number))

    def _opened(self, stale: int) -> optuna.storages.RDBStorage:
        arguments: dict[str, Any] = {"connect_args": {"timeout": PATIENCE}} if self._file else {"pool_pre_ping": True}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            for last in (False, True):
                try:
                    with self._beside():
                        if self._file:
                            _require_tables(Path(self._file))
                        return optuna.storages.RDBStorage(
                            self._url.render_as_string(hide_password=False),
                            arguments,
                            heartbeat_interval=self.interval,
                            grace_period=stale,
                        )
                except ImportError as error:
                    raise InputError(f"{KEY}: {error.__cause__ or error}; {DRIVER}") from None
                except (SQLAlchemyError, StorageInternalError, RuntimeError, OSError) as error:
                    if last:
                        raise InputError(f"{KEY}: {_reason(error)}; give a database that can be opened") from None
                time.sleep(1)  # another process may be making the same tables
        raise AssertionError


def _require_tables(file: Path) -> None:
    """Refuse a database with studies but without some of Optuna's tables, which Optuna would create empty.

    Raises:
        InputError: a table is missing.
    """
    if not file.is_file():
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        missing = sorted(TABLES - names)
        if missing and "studies" in names and database.execute("SELECT 1 FROM studies").fetchone():
            raise InputError(f"{KEY}: the database is damaged (table {missing[0]} is missing); give another one")


def require_address(address: str) -> None:
    """Refuse an address at which no database can be opened, before data are read; create nothing, connect to nothing.

    Raises:
        InputError: the address is no URL, its driver is not installed, or the folder of its file is not there.
    """
    url = _url(address)
    try:
        url.get_dialect().import_dbapi()
    except ImportError as error:
        raise InputError(f"{KEY}: {error}; {DRIVER}") from None
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        if file.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK):
            what = "is a folder" if file.is_dir() else f"cannot be created: {file.parent} is no writable folder"
            raise InputError(f"{KEY}: {file} {what}; name a file in a writable folder")


def _url(address: str) -> URL:
    try:
        url = make_url(address)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise InputError(f"{KEY}: not an address of a database; write sqlite:///FILE or postgresql://…") from None
    except ImportError as error:
        raise InputError(f"{KEY}: {error}; {DRIVER}") from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise InputError(f"{KEY}: an in-memory database cannot be shared or resumed; write sqlite:///FILE")
    return url


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    found = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
    return str(getattr(found, "orig", None) or found).partition("\n")[0]
