"""What Oxford's VGG-19 says of scikit-learn's photographs, treated well and badly: writes measured.json.

Needs the weights (MINICAP_WEIGHTS, with imagenet_classes.txt beside them) and scikit-learn.
"""

import dataclasses
import sys
from pathlib import Path

from minicap.classify import Classifier
from minicap.learn.lessons import load
from minicap.learn.measure import measure, write
from minicap.pretrained_networks import find_weights

weights = find_weights("vgg19")
photographs = load(Path(__file__).with_name("photograph.py")).sample_photographs()
if weights is None or not photographs:
    sys.exit("the weights of VGG-19 and scikit-learn are needed for this")

classifier = Classifier(weights)
right = classifier.model.preprocessing
values = {}
for name, wrong in (("right", {}), ("rgb", {"order": "RGB"}), ("mean", {"mean": (0.0, 0.0, 0.0)}),
                    ("scale", {"scale": 255.0})):
    classifier.model.preprocessing = dataclasses.replace(right, **wrong)
    for path, best in zip(photographs, classifier.classify(photographs, top=2), strict=True):
        values[f"{path.stem}_{name}"] = ", ".join(
            f"{one['class'].partition(',')[0]} {100 * one['p']:.0f} %" for one in best)
picture = classifier.read(photographs[0])[None]
write(__file__, **values, seconds=f"{measure(lambda: classifier(picture)):.1f}")
