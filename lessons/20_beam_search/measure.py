"""How long one step of a captioner takes for one row and for 300: writes measured.json."""

import numpy as np

from minicap.captioning.models.show_tell import ShowTell, feature_encoder
from minicap.learn.measure import measure, write

rng = np.random.default_rng(0)
model = ShowTell(feature_encoder(4096, 512, rng=rng), 2541, 512, 512, drop=0.5, rng=rng, dropout_rng=rng)


def milliseconds(rows):
    state, words = model.start(np.ones((rows, 4096), np.float32)), np.full(rows, 4)
    return 1e3 * measure(lambda: model.step(state, words), repeat=21)


one, many = milliseconds(1), milliseconds(300)
write(__file__, one_ms=f"{one:.1f}", many_ms=f"{many:.0f}", row_ms=f"{many / 300:.2f}")
