"""``train --tensorboard``: the figures of a run as TensorBoard reads them, beside metrics.jsonl.

    python -m pip install 'minicap[tensorboard]' tensorboard
    python -m minicap.train --tensorboard --out runs/a
    tensorboard --logdir runs

The extra writes the log, TensorBoard itself shows it. Everything stands over the number of steps of training, which is
also what TensorBoard needs to forget the steps of an epoch that was not finished when the run was stopped: with
``--resume`` they are made again.
"""

import contextlib
import time

from ...errors import UserError
from ...terminal import shown
from ..scoring.metrics import TITLES

# What a figure of metrics.jsonl is called in TensorBoard: behind the slash is what it is of.
TAGS = {"epoch": "epoch", "loss": "loss/train", "dev_loss": "loss/dev", "dev_perplexity": "perplexity/dev",
        "distinct": "distinct_captions/dev", "seconds": "seconds/epoch"}
TAGS |= {name: f"{title}/dev" for name, title in TITLES.items()}
CAPTIONS = 12  # of dev images, as many as in samples.png


def tensorboard_package():
    """The module ``tensorboardX``; UserError, which says how to get it, where it is not installed."""
    try:
        import tensorboardX
        import tensorboardX.event_file_writer
        import tensorboardX.proto.event_pb2
    except ImportError as error:
        raise UserError("tensorboard= needs the package tensorboardX, which is not installed: "
                        "`pip install 'minicap[tensorboard]'`") from error
    return tensorboardX


class NoEventLog:
    """For a run without ``--tensorboard``, and for all processes but one: nothing is logged."""

    def log_steps(self, step, learning_rate, mean, counted):
        pass

    def log_epoch(self, step, line, captions):
        pass


class EventLog:
    """A new file of events in ``folder``, written at once: no thread of the library, which could wait for a full disk.

    ``step``: the steps of training before its first. Those behind it in other files are of a run that was stopped, and
    TensorBoard drops them.
    """

    def __init__(self, folder, step=0):
        package = tensorboard_package()
        self.summary, self.events = package.summary, package.proto.event_pb2
        folder.mkdir(parents=True, exist_ok=True)
        self.file = package.event_file_writer.EventsWriter(str(folder.absolute() / "events"), f".{step}")
        self.total, self.counted = 0.0, 0
        start = self.events.SessionLog(status=self.events.SessionLog.START)
        self.file.write_event(self.events.Event(wall_time=time.time(), step=step + 1, session_log=start))

    def log_steps(self, step, learning_rate, mean, counted):
        """The loss of the steps since it was last called. ``mean``: that of the ``counted`` words of this epoch."""
        total = mean * counted
        self._write(step, {"loss/step": (total - self.total) / (counted - self.counted),
                           "learning_rate": learning_rate})
        self.total, self.counted = total, counted

    def log_epoch(self, step, line, captions):
        """A ``line`` of metrics.jsonl, and captions {name of a dev image: text}, the first of them."""
        self.total, self.counted = 0.0, 0
        first = list(captions.items())[:CAPTIONS]
        text = "".join(f"    {shown(name)}: {shown(caption, None)}\n" for name, caption in first)  # indented: as it is
        self._write(step, {tag: line[name] for name, tag in TAGS.items() if name in line}, {"captions/dev": text})

    def _write(self, step, scalars, texts=None):
        summaries = [self.summary.scalar(tag, value) for tag, value in scalars.items()]
        summaries += [self.summary.text(tag, text) for tag, text in (texts or {}).items()]
        for summary in summaries:
            self.file.write_event(self.events.Event(wall_time=time.time(), step=step, summary=summary))
        self.file.flush()

    def close(self):
        self.file.close()


@contextlib.contextmanager
def event_log(settings, folder, step, rank):
    """The log of a run whose ``settings`` want one, on the process that writes its files; else one that does nothing.
    """
    if not settings.tensorboard or rank > 0:
        yield NoEventLog()
        return
    with contextlib.closing(EventLog(folder, step)) as log:
        yield log
