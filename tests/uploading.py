"""Forms with files that have arrived, without a connection that they came by."""

from pathlib import Path

from api.uploads import Read, Upload


async def receive(read: Read, media_type: str, folder: Path) -> Upload:
    """A form that has arrived."""
    upload = Upload(read, media_type, folder)
    try:
        await upload.arrive()
    except BaseException:
        upload.close()
        raise
    return upload
