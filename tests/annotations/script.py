"""A user's script, which has to pass mypy --strict: a layer of one's own, a step of training, captions."""

import numpy as np
import numpy.typing as npt

import minicap
from minicap import Cache, Conv2d, Flatten, Linear, ReLU, Sequential

Floats = npt.NDArray[np.float32]


class Double(minicap.Layer):
    def forward(self, x: Floats) -> tuple[Floats, Cache]:
        return x * np.float32(2), Cache(x=x)

    def backward(self, dy: Floats, cache: Cache) -> Floats:
        cache.spend(self)
        return dy * np.float32(2)


rng = np.random.default_rng(0)
images, labels = rng.random((8, 32, 32, 3), np.float32), rng.integers(0, 5, 8)
model = Sequential(Conv2d(3, 16, padding=1, rng=rng), ReLU(), Double(), Flatten(), Linear(32 * 32 * 16, 5, rng=rng))
cross_entropy, adam = minicap.SoftmaxCrossEntropy(), minicap.Adam(model.named_parameters(), lr=1e-3)
logits, cache = model.forward(images)
loss, loss_cache = cross_entropy.forward(logits, labels)
dlogits, _ = cross_entropy.backward(1.0, loss_cache)
model.backward(dlogits, cache)
norm = minicap.clip_gradients(model.parameters(), 5.0)
adam.step(lr_factor=0.5)
report = minicap.check_gradients(minicap.LSTM(3, 4, rng=rng), rng.random((2, 5, 3)))
captioner = minicap.Captioner.pretrained()
caption = captioner.caption("photo.jpg", beam=5)
beams = minicap.with_mirror(captioner).captions([images[0], "photo.jpg", b"..."])
