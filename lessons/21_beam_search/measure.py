"""How long one step of a captioner takes for one row and for 300: writes measured.json."""

import numpy as np

from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowTellSettings
from minicap.learn.measure import measure, write

settings = ShowTellSettings(input="features", feature_size=4096, vocabulary=2541)
model = build_model(settings, np.random.default_rng(0))


def milliseconds(rows):
    state, words = model.start(np.ones((rows, 4096), np.float32)), np.full(rows, 4)
    return 1e3 * measure(lambda: model.step(state, words), repeat=21)


one, many = milliseconds(1), milliseconds(300)
write(__file__, one_ms=f"{one:.1f}", many_ms=f"{many:.0f}", row_ms=f"{many / 300:.2f}")
