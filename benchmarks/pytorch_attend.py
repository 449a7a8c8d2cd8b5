"""The peer's attention model, as a careful user of PyTorch would write it; names as in pytorch_models.py.

The loop over words is that of popular tutorials, on a batch that shrinks as captions end, but the regions are projected
once and not at every word, and the weighted sum is a matrix product.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence


class Standardize(nn.Module):
    def __init__(self, D):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(D))
        self.register_buffer("std", torch.ones(D))

    def forward(self, x):
        return (x - self.running_mean) / self.std


class SoftAttention(nn.Module):
    """One step for B rows per image: regions (N, L, D), keys (N, L, A), h (N · B, H) -> z (N · B, D), α (N · B, L)."""

    def __init__(self, D, H, A):
        super().__init__()
        self.U, self.v = nn.Parameter(torch.empty(H, A)), nn.Parameter(torch.empty(A))
        self.gate = nn.Linear(H, D)

    def forward(self, regions, keys, h):
        N, L, D = regions.shape
        query = (h @ self.U).view(N, -1, 1, keys.shape[2])
        alpha = ((keys[:, None] + query).tanh_() @ self.v).softmax(dim=2)  # (N, B, L)
        return self.gate(h).sigmoid() * torch.bmm(alpha, regions).view(-1, D), alpha.view(-1, L)


class AttentionLSTM(nn.LSTM):
    """An LSTM that reads the context of attention with every word; its weights have nn.LSTM's names."""

    def __init__(self, E, D, H, A):
        super().__init__(E + D, H)
        self.attention = SoftAttention(D, H, A)

    def step(self, x, regions, keys, h, c):
        z, alpha = self.attention(regions, keys, h)
        h, c = torch.lstm_cell(torch.cat([x, z], dim=1), (h, c), self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0,
                               self.bias_hh_l0)
        return h, c, z, alpha


class Part(nn.Module):
    """Layers by name; not a ModuleDict, which has a method `keys`."""

    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)


class ShowAttendTell(nn.Module):
    def __init__(self, V, E, H, D, A, *, drop, doubly_stochastic=0.0):
        super().__init__()
        self.regions = Part(scale=Standardize(D), keys=nn.Linear(D, A), init_state=nn.Linear(D, 2 * H))
        self.words = Part(embedding=nn.Embedding(V, E))
        self.lstm = AttentionLSTM(E, D, H, A)
        self.output = Part(hidden_to_output=nn.Linear(H, E), context_to_output=nn.Linear(D, E, bias=False),
                           vocabulary=nn.Linear(E, V))
        self.drop, self.doubly_stochastic = nn.Dropout(drop), doubly_stochastic

    def encode(self, images):
        """(regions, keys, h, c) of each image."""
        regions = self.regions.scale(images)
        state = self.regions.init_state(regions.mean(dim=1)).tanh()
        return regions, self.regions.keys(regions), *state.chunk(2, dim=1)

    def logits(self, x, h, z):
        output = self.output
        return output.vocabulary(self.drop(x + output.hidden_to_output(h) + output.context_to_output(z)))

    def forward(self, images, image_of, words, targets, lengths):
        """The loss. Rows are in order of decreasing length, so those that have not ended are always the first ones."""
        regions, keys, h, c = (array[image_of] for array in self.encode(images))
        embedded = self.drop(self.words.embedding(words))
        states, contexts, alphas = [], [], []
        for t in range(words.shape[1]):
            n = int((lengths > t).sum())
            h, c, z, alpha = self.lstm.step(embedded[:n, t], regions[:n], keys[:n], h[:n], c[:n])
            states.append(h)
            contexts.append(z)
            alphas.append(nn.functional.pad(alpha, (0, 0, 0, len(words) - n)))
        attended = torch.stack(alphas).sum(dim=0)
        x = pack_padded_sequence(embedded, lengths, batch_first=True).data
        logits = self.logits(x, torch.cat(states), torch.cat(contexts))
        loss = cross_entropy(logits, pack_padded_sequence(targets, lengths, batch_first=True).data)
        return loss + self.doubly_stochastic / len(logits) * ((1 - attended)**2).sum()

    def start(self, images):
        """(h, c); regions and keys, which are the same for all beams of an image, are stored in the model."""
        self.encoded_regions, self.encoded_keys, h, c = self.encode(images)
        return h, c

    def step(self, state, words):
        x = self.words.embedding(words)
        h, c, z, _ = self.lstm.step(x, self.encoded_regions, self.encoded_keys, *state)
        return (h, c), self.logits(x, h, z).log_softmax(dim=1)
