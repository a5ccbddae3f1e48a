"""The files of the data sets: find them in a cache, check them, download what is missing."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FOLDER_VARIABLE = "UAI_NOTEBOOK_DATA"
ROUNDS = 2  # times that each address is tried
PAUSE = 1.0  # seconds between two rounds


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set.

    Attributes
    ----------
    path : str
        Where it lies in a cache folder, such as "mnist/train-images-idx3-ubyte.gz".
    known_hash : str
        "md5:..." or "sha256:..."; "" where none is published: what is made of the file is checked instead.
    urls : tuple of str
        Addresses to try, in order; none for a file that is made by hand.
    """

    path: str
    known_hash: str
    urls: tuple[str, ...] = ()

    def is_intact(self, path: Path) -> bool:
        """Tell whether the file at `path` has this file's checksum; without a known one, every file has."""
        if not self.known_hash:
            return True
        algorithm, expected = self.known_hash.split(":")
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).hexdigest() == expected


def cache_folders() -> list[Path]:
    """Return the folders to look in: UAI_NOTEBOOK_DATA if set, then the user's own cache."""
    import pooch

    given = os.environ.get(FOLDER_VARIABLE)
    folders = [Path(given).expanduser()] if given else []
    return [*folders, Path(pooch.os_cache("uai_notebook"))]


def is_cached(file: RemoteFile) -> bool:
    """Tell whether a cache folder has the file; `fetch` checks its content."""
    return any((folder / file.path).is_file() for folder in cache_folders())


def fetch(file: RemoteFile, *, quiet: bool = False) -> Path:
    """Return the path of a verified copy, downloading it if no cache folder has one.

    A download goes to UAI_NOTEBOOK_DATA if that is set and can be written to, else to the user's cache, and takes its
    final name only once it is complete and its checksum is right. In these folders an altered copy is replaced.

    Raises
    ------
    ConnectionError
        No address could be reached.
    OSError
        What was downloaded has another checksum; an altered copy in a folder that cannot be written to; no space or no
        permission for the file.
    """
    return find(file) or download(file, target_folder() / file.path, quiet=quiet)


def find(file: RemoteFile) -> Path | None:
    """Return the path of a verified copy in a cache folder, or None if there is none.

    Raises
    ------
    OSError
        An altered copy in a folder that cannot be written to.
    """
    for folder in cache_folders():
        path = folder / file.path
        if path.is_file():
            if file.is_intact(path):
                return path
            if not is_writable(folder):
                raise OSError(
                    f"{path} is truncated or altered: its checksum is not {file.known_hash}. "
                    f"The folder cannot be written to: put an intact copy there, or unset {FOLDER_VARIABLE}."
                )
    return None


def target_folder() -> Path:
    """Return the folder that new files go to: the first cache folder that can be written to."""
    folders = cache_folders()
    return next((folder for folder in folders if is_writable(folder)), folders[-1])


def is_writable(folder: Path) -> bool:
    """Tell whether files can be made in `folder`, or in the folder that it would be made in."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def download(file: RemoteFile, path: Path, *, quiet: bool = False) -> Path:
    """Try each address in turn, twice; `path` appears complete or not at all. Raises as `fetch` does."""
    from requests.exceptions import RequestException

    failures: dict[str, str] = {}
    reached = False
    for attempt in range(ROUNDS if file.urls else 0):
        if attempt:
            time.sleep(PAUSE)
        for url in file.urls:
            try:
                return _retrieve(file, url, path, quiet=quiet)
            except RequestException as error:
                failures[url] = _short(error)
            except ValueError:  # pooch: the checksum differs; its temporary file is gone
                failures[url] = f"what it sent does not have the checksum {file.known_hash}"
                reached = True
            except OSError as error:
                raise cannot_write(file, path, error) from error
    tried = "".join(f"\n  {url}: {why}" for url, why in failures.items()) or "\n  no address: this file has none"
    altered = f"\nThe copy at {path} is truncated or altered." if path.is_file() else ""
    message = (
        f"cannot download {file.path}. Tried:{tried}{altered}\n"
        f"Without a network: set {FOLDER_VARIABLE}=<folder> and put the file at <folder>/{file.path}."
    )
    raise OSError(message) if reached else ConnectionError(message)


def cannot_write(file: RemoteFile, path: Path, error: OSError) -> OSError:
    """Return the error to raise where `file` cannot be written to `path`: a full disk, no permission."""
    return OSError(
        error.errno or errno.EIO,
        f"cannot write {file.path} ({error.strerror or error}). Nothing was left behind. "
        f"Free some space or set {FOLDER_VARIABLE} to a folder that can be written to",
        str(path),
    )


def _retrieve(file: RemoteFile, url: str, path: Path, *, quiet: bool) -> Path:
    """Download one address to a temporary file beside `path`, check it, and give it its name."""
    import pooch

    logger = pooch.get_logger()
    before = logger.disabled
    # Not by its level: a logger that nobody registered keeps what it once found enabled.
    logger.disabled = before or quiet
    try:
        bar = not quiet and find_spec("tqdm") is not None
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=(10, 30))
        found = pooch.retrieve(url, file.known_hash or None, fname=path.name, path=path.parent, downloader=downloader)
    finally:
        logger.disabled = before
    return Path(found)


def _short(error: Exception) -> str:
    """Return the first line of a message, at most 120 characters: requests nests whole stacks in them."""
    text = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {text[:117] + '...' if len(text) > 120 else text}"
