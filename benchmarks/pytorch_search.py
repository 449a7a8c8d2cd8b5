"""The beam search of ``captioning.decoding`` in PyTorch: batched over images and beams, all of it on tensors."""

import torch

from minicap.captioning.text.vocabulary import END, PAD, START, UNK


def beam_search(step, state, *, beam, max_length, length_penalty, forbid=(PAD, START, UNK)):
    """(scores (N, B), words (N, B, max_length), lengths (N, B)) of the B best finished captions of each image.

    ``step`` (state, words) -> (state, log p); a state is a tuple of tensors whose first axis is the row. Lengths count
    <end>, as the score Σ log p / length^length_penalty does.
    """
    N, B, device = len(state[0]), beam, state[0].device
    state, log_p = step(state, torch.full((N,), START, device=device))
    V = log_p.shape[1]
    state, log_p = tuple(s.repeat_interleave(B, dim=0) for s in state), log_p.repeat_interleave(B, dim=0)
    sums = torch.full((N, B), -torch.inf, device=device)
    sums[:, 0] = 0  # there is one hypothesis per image at first
    words = torch.full((N, B, max_length), PAD, device=device)
    best = torch.full((N, B), -torch.inf, device=device)  # scores, words and lengths of the best finished captions
    best_words, best_lengths = words.clone(), torch.zeros((N, B), dtype=torch.long, device=device)
    first_row = torch.arange(N, device=device)[:, None] * B
    for length in range(1, max_length + 1):
        log_p[:, list(forbid)] = -torch.inf
        candidates, index = (sums[:, :, None] + log_p.view(N, B, V)).view(N, B * V).topk(2 * B, dim=1)
        parents, chosen = index // V, index % V
        grown = _rows(words, parents)
        grown[:, :, length - 1] = chosen
        finished = (chosen == END)[:, :B] if length < max_length else torch.ones_like(chosen[:, :B], dtype=torch.bool)
        scores = torch.where(finished, candidates[:, :B] / length**length_penalty, -torch.inf)
        best, order = torch.cat([best, scores], dim=1).topk(B, dim=1)
        best_words = _rows(torch.cat([best_words, grown[:, :B]], dim=1), order)
        best_lengths = torch.cat([best_lengths, torch.full_like(best_lengths, length)], dim=1).gather(1, order)
        if length == max_length:
            break
        onward = (chosen == END).byte().argsort(dim=1, stable=True)[:, :B]
        sums, parents, chosen = (a.gather(1, onward) for a in (candidates, parents, chosen))
        words = _rows(grown, onward)
        if (best[:, -1] >= sums.amax(dim=1) / max_length**length_penalty).all():
            break  # no unfinished hypothesis can still win
        rows = (first_row + parents).flatten()
        state, log_p = step(tuple(s[rows] for s in state), chosen.flatten())
    return best, best_words, best_lengths


def _rows(a, index):
    """a (N, M, T), index (N, B) -> (N, B, T): the rows ``index`` of each image."""
    return a.gather(1, index[:, :, None].expand(-1, -1, a.shape[2]))
