"""The loops on the files of a volume that carry what is known: the gateway's answer comes, `status.json` goes."""

import asyncio
import json

from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.waiting import NoThreadError, completed, woken
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.volume.volume import Volume, VolumeUnusableError

ANSWER_SECONDS = 0.5
STATUS_SECONDS = 10.0
STATUS_GAP_SECONDS = 0.2
VOLUME_SECONDS = 1.0


async def read_answers(volume: Volume, recorder: Recorder, liveness: Liveness) -> None:
    """Record the gateway's answers until cancelled."""
    seen = None
    while True:
        liveness.report("answers", within=ANSWER_SECONDS)
        found = volume.answer_stamp()
        if found != seen:
            answer = volume.answer()
            if answer is not None:  # an answer that is half written is read again
                seen = found
                recorder.answered(answer)
        await asyncio.sleep(ANSWER_SECONDS)


async def end_with_volume(volume: Volume, liveness: Liveness) -> None:
    """End the process once the volume is no longer the one it locked: another writer may be on it by now.

    Raises:
        VolumeUnusableError: the volume was emptied or replaced.
    """
    while not volume.lost():
        liveness.report("volume", within=VOLUME_SECONDS)
        await asyncio.sleep(VOLUME_SECONDS)
    raise VolumeUnusableError(f"The volume {volume.root} was emptied or replaced.")


async def write_status(volume: Volume, recorder: Recorder, liveness: Liveness) -> None:
    """Write `status.json` on every change and at least every `STATUS_SECONDS`, until cancelled."""
    trouble: str | None = None
    while True:
        liveness.report("status", within=STATUS_SECONDS)
        recorder.file_due.clear()
        try:
            fault = await completed(lambda: volume.write_status(status_bytes(recorder)))
        except NoThreadError as error:
            fault = error.strerror
        if fault is not None and fault != trouble:
            recorder.log.warning("status not written", reason=fault)
        trouble = fault
        await asyncio.sleep(STATUS_GAP_SECONDS)
        await woken(recorder.file_due, STATUS_SECONDS - STATUS_GAP_SECONDS)


def status_bytes(recorder: Recorder) -> bytes:
    """Return the status document as `status.json` holds it."""
    return (json.dumps(recorder.document(), indent=1, ensure_ascii=False) + "\n").encode()
