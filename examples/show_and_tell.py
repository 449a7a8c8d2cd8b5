"""The whole story on one screen: scenes -> batches -> forward -> backward -> Adam -> captions. About a minute on a CPU.

Show and Tell (Vinyals et al. 2015): a CNN encodes the image; an LSTM reads it with every word and predicts the next.
"""

import numpy as np

from minicap import LSTM, Adam, BatchNorm2d, Cache, Conv2d, Embedding, Flatten, Layer, Linear, MaxPool2d, ReLU
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.text.batches import CaptionBatches
from minicap.captioning.text.vocabulary import PAD, START, Vocabulary
from minicap.layer import Sequential
from minicap.losses import SoftmaxCrossEntropy


class ShowAndTell(Layer):
    def __init__(self, V, E, H, rng):
        cnn = []
        for C, F in (3, 16), (16, 32), (32, 64):                      # 32 x 32 pixels -> 16 x 16 -> 8 x 8 -> 4 x 4
            cnn += [Conv2d(C, F, padding=1, rng=rng), BatchNorm2d(F), ReLU(), MaxPool2d()]
        self.cnn = Sequential(*cnn, Flatten(), Linear(4 * 4 * 64, E, rng=rng))
        self.embedding, self.lstm = Embedding(V, E, rng=rng), LSTM(2 * E, H, rng=rng)
        self.output, self.loss = Linear(H, V, rng=rng), SoftmaxCrossEntropy()

    def forward(self, images, tokens, targets, lengths):
        image, cnn = self.cnn.forward(images)                         # (N, 32, 32, 3) -> (N, E)
        words, embedding = self.embedding.forward(tokens)             # (N, T) -> (N, T, E)
        (h, _, _), lstm = self.lstm.forward(words, constant=image, lengths=lengths)
        logits, output = self.output.forward(h)                       # (N, T, H) -> (N, T, V)
        flat, targets = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
        value, loss = self.loss.forward(flat, targets, targets != PAD)
        return value, Cache(cnn=cnn, embedding=embedding, lstm=lstm, output=output, loss=loss, shape=logits.shape)

    def backward(self, dloss, cache):                                 # the same in reverse
        c = cache.spend(self)
        dlogits, _ = self.loss.backward(dloss, c.loss)
        dh = self.output.backward(dlogits.reshape(c.shape), c.output)
        dwords, _, _, dimage = self.lstm.backward((dh, None, None), c.lstm)
        self.embedding.backward(dwords, c.embedding)
        return self.cnn.backward(dimage, c.cnn), None, None, None     # integers have no gradient

    def captions(self, images, max_length=20):
        """Greedy decoding, (N, max_length) words: at every step the most probable one, which is then read."""
        image, words, chosen = self.cnn(images), np.full(len(images), START), []
        h = c = np.zeros((len(images), len(self.lstm.cell.U.data)), np.float32)
        for _ in range(max_length):
            h, c = self.lstm.cell(np.concatenate([self.embedding(words), image], axis=1), h, c)
            words = self.output(h).argmax(axis=1)
            chosen.append(words)
        return np.stack(chosen, axis=1)


def main(scenes=5000, epochs=9):
    rng, data = np.random.default_rng(0), ShapesDataset(train=scenes, dev=200)
    images, dev_images = (np.stack([data.image(name) for name in data.splits[split]]).astype(np.float32) / 128 - 1
                          for split in ("train", "dev"))
    texts = [(n, text.split()) for n, name in enumerate(data.splits["train"]) for text in data.captions[name]]
    vocabulary = Vocabulary.from_captions([words for _, words in texts], min_count=1)
    captions = [(n, vocabulary.encode(words)) for n, words in texts]
    model = ShowAndTell(len(vocabulary), E=64, H=128, rng=rng)
    model.output.b.data[...] = vocabulary.log_frequencies()           # start from how often each word occurs
    adam = Adam(model.named_parameters(), lr=3e-3)
    for epoch in range(epochs):                                       # each image with one of its captions
        losses = []
        for batch in CaptionBatches(captions, 32, rng, one_per_image=True):
            loss, cache = model.forward(images[batch.image_index], batch.tokens, batch.targets, batch.lengths)
            model.backward(1.0, cache)
            adam.step(lr_factor=1 - epoch / epochs)
            model.zero_grad()
            losses.append(loss)
        print(f"epoch {epoch + 1}: cross-entropy {np.mean(losses):.2f} per word")
    generated = [vocabulary.decode(words) for words in model.captions(dev_images)]
    pairs = list(zip(generated, [data.captions[name] for name in data.splits["dev"]], strict=True))
    print(f"exactly right: {np.mean([caption in references for caption, references in pairs]):.0%} of 200 new scenes")
    for caption, references in pairs[:6]:
        print(f"    {caption:60} | {references[0]}")


if __name__ == "__main__":
    main()
