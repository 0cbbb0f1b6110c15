"""A submission as a folder, whether it comes as one or as a zip."""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xstilts.errors import DataError, UserError

MOST = 4 * 2**30  # bytes that a zip may hold unpacked: the largest benchmark's predictions are some 100 MB


@contextmanager
def opened(place: Path) -> Iterator[Path]:
    """Yield the folder of a submission; a zip is unpacked for as long as it is read.

    Raises:
        DataError: the zip is broken, encrypted or holds more than any submission.
        UserError: from the reader, with the zip's name where the unpacked folder's would stand.
    """
    if not place.is_file():
        yield place
        return
    with tempfile.TemporaryDirectory() as folder:
        _unpack(place, Path(folder))
        entries = [path for path in Path(folder).iterdir() if path.name != "__MACOSX"]
        inner = (
            entries[0] if len(entries) == 1 and any(path.is_dir() for path in entries[0].glob("*")) else Path(folder)
        )
        try:
            yield inner
        except UserError as error:
            raise UserError(str(error).replace(str(inner), str(place)).replace(folder, str(place))) from None


def _unpack(place: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(place) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MOST:
                raise DataError(place, f"{size:,} bytes unpacked", f"a submission of at most {MOST:,}")
            archive.extractall(folder)
    except zipfile.BadZipFile:
        raise DataError(place, "a file that is no zip", "a folder or a zip of TASK/test-LANGUAGE files") from None
    except (zlib.error, EOFError) as error:
        raise DataError(place, f"a damaged zip ({error})", "a whole one") from None
    except NotImplementedError as error:
        raise DataError(place, f"a zip that cannot be unpacked ({error})", "one that `zip -r` makes") from None
    except RuntimeError:  # zipfile's error for a password
        raise DataError(place, "an encrypted zip", "one without a password") from None
