"""How much of the recorded row of the built-in scenes is chance: writes measured.json. Needs results/ of a clone."""

from pathlib import Path

import numpy as np

from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.scoring.metrics import image_statistics, scores_of_sums
from minicap.captioning.scoring.significance import bootstrap_intervals
from minicap.files import read_json
from minicap.learn.measure import write

row = Path(__file__).resolve().parents[2] / "results" / "shapes"
statistics = image_statistics(read_json(row / "predictions-test.json"), ShapesDataset().captions)
N = len(statistics)
bleu4 = 100 * scores_of_sums(statistics.sum(axis=0), N)[3]
low, high = 100 * bootstrap_intervals(statistics, 1000, np.random.default_rng(0))[:, 3]
write(__file__, n=f"{N:,}", bleu4=f"{bleu4:.1f}", low=f"{low:.1f}", high=f"{high:.1f}",
      verdict="within" if low <= 87.1 <= high else "outside")
