"""Mistakes people make in lesson 20, and how each has to be named."""

# expects: 20.1: the least probable word
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmin())
        logp += log_p[0, word]
        if word == END:
            break
        words.append(word)
    return words, logp


# expects: 20.1: END is among the words
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        logp += log_p[0, word]
        words.append(word)
        if word == END:
            break
    return words, logp


# expects: 20.1: the log p of END is missing
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        if word == END:
            break
        logp += log_p[0, word]
        words.append(word)
    return words, logp


# expects: 20.1: None
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        logp += log_p[0, word]
        if word == END:
            break
        words.append(word)
    return words, logp / (len(words) + 1)


# expects: 20.1: it goes on after END
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        logp += log_p[0, word]
        if word != END:
            words.append(word)
    return words, logp


# expects: 20.1: the word is not read back
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([START]))
        word = int(log_p[0].argmax())
        logp += log_p[0, word]
        if word == END:
            break
        words.append(word)
    return words, logp


# expects: 20.1: probabilities are added
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        logp += np.exp(log_p[0, word])
        if word == END:
            break
        words.append(word)
    return words, logp


# expects: 20.1: START is among the words
def greedy(step, state, max_length):
    words, logp, word = [START], 0.0, START
    for _ in range(max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        logp += log_p[0, word]
        if word == END:
            break
        words.append(word)
    return words, logp


# expects: 20.1: the state is not handed on
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(max_length):
        _, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        logp += log_p[0, word]
        if word == END:
            break
        words.append(word)
    return words, logp


# expects: 20.1: one word too few
def greedy(step, state, max_length):
    words, logp, word = [], 0.0, START
    for _ in range(1, max_length):
        state, log_p = step(state, np.array([word]))
        word = int(log_p[0].argmax())
        logp += log_p[0, word]
        if word == END:
            break
        words.append(word)
    return words, logp


# expects: 20.2: divided by the number of beginnings
def best_continuations(sums, log_p, k):
    ways = (sums[:, None] + log_p).ravel()
    best = np.argsort(-ways)[:k]
    return ways[best], best // log_p.shape[0], best % log_p.shape[0]


# expects: 20.2: the best of each beginning apart
def best_continuations(sums, log_p, k):
    ways = sums[:, None] + log_p
    words = np.argsort(-ways, axis=1)[:, :k]
    parents = np.arange(len(sums))[:, None].repeat(words.shape[1], axis=1)
    return np.take_along_axis(ways, words, axis=1), parents, words


# expects: 20.2: the sums of the beginnings are forgotten
def best_continuations(sums, log_p, k):
    ways = log_p.ravel()
    best = np.argsort(-ways)[:k]
    return ways[best], best // log_p.shape[1], best % log_p.shape[1]


# expects: 20.2: not in order
def best_continuations(sums, log_p, k):
    ways = (sums[:, None] + log_p).ravel()
    best = np.argsort(ways)[-k:]
    return ways[best], best // log_p.shape[1], best % log_p.shape[1]


# expects: 20.2: one way for each beginning
def best_continuations(sums, log_p, k):
    words = log_p.argmax(axis=1)
    parents = np.arange(len(sums))
    return sums + log_p[parents, words], parents, words


# expects: 20.2: parents are positions
def best_continuations(sums, log_p, k):
    ways = (sums[:, None] + log_p).ravel()
    best = np.argsort(-ways)[:k]
    return ways[best], best, best % log_p.shape[1]


# expects: 20.2: words are positions
def best_continuations(sums, log_p, k):
    ways = (sums[:, None] + log_p).ravel()
    best = np.argsort(-ways)[:k]
    return ways[best], best // log_p.shape[1], best


# expects: 20.2: multiplied instead of added
def best_continuations(sums, log_p, k):
    ways = (sums[:, None] * log_p).ravel()
    best = np.argsort(-ways)[:k]
    return ways[best], best // log_p.shape[1], best % log_p.shape[1]


# expects: 20.2: parents and words changed places
def best_continuations(sums, log_p, k):
    ways = (sums[:, None] + log_p).ravel()
    best = np.argsort(-ways)[:k]
    return ways[best], best % log_p.shape[1], best // log_p.shape[1]


# expects: 20.2: the worst are taken
def best_continuations(sums, log_p, k):
    ways = (sums[:, None] + log_p).ravel()
    best = np.argsort(ways)[:k]
    return ways[best], best // log_p.shape[1], best % log_p.shape[1]


# expects: 20.3: chosen by the plain sum
def best_caption(finished, alpha):
    words, logp = max(finished, key=lambda caption: caption[1])
    return [word for word in words if word != END], logp / len(words)**alpha


# expects: 20.3: END is among the words
def best_caption(finished, alpha):
    score, words = max((logp / len(words)**alpha, words) for words, logp in finished)
    return words, score


# expects: 20.3: END is not counted
def best_caption(finished, alpha):
    scored = []
    for words, logp in finished:
        said = [word for word in words if word != END]
        scored.append((logp / len(said)**alpha, said))
    score, said = max(scored)
    return said, score


# expects: 20.3: END is counted twice
def best_caption(finished, alpha):
    score, words = max((logp / (len(words) + (words[-1] == END))**alpha, words) for words, logp in finished)
    return [word for word in words if word != END], score


# expects: 20.3: always the mean
def best_caption(finished, alpha):
    score, words = max((logp / len(words), words) for words, logp in finished)
    return [word for word in words if word != END], score


# expects: 20.3: alpha is not used
def best_caption(finished, alpha):
    score, words = max((logp, words) for words, logp in finished)
    return [word for word in words if word != END], score


# expects: 20.3: the worst caption
def best_caption(finished, alpha):
    score, words = min((logp / len(words)**alpha, words) for words, logp in finished)
    return [word for word in words if word != END], score


# expects: 20.3: multiplied by the length
def best_caption(finished, alpha):
    score, words = max((logp * len(words)**alpha, words) for words, logp in finished)
    return [word for word in words if word != END], score


# expects: 20.4: it goes on after END
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.arange(len(words))
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if not captions:
            break
    finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True)]
    return best_caption(finished, alpha)


# expects: 20.4: all rows begin alike
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[] for _ in range(B)], np.zeros(B), []
    words = np.full(B, START)
    state = tuple(np.repeat(array, B, axis=0) for array in state)
    for _ in range(max_length):
        state, log_p = step(state, words)
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        state = tuple(array[parents] for array in state)
        for row in range(B):
            if words[row] == END and sums[row] > -np.inf:
                finished.append((captions[row], sums[row]))
                sums[row] = -np.inf
        if np.all(sums == -np.inf):
            break
    finished += [(captions[row], sums[row]) for row in range(B) if sums[row] > -np.inf]
    return best_caption(finished, alpha)


# expects: 20.4: alpha is not used
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.nonzero(words != END)[0]
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if not captions:
            break
    finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True)]
    return best_caption(finished, 0)


# expects: 20.4: None
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B + 1)
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.nonzero(words != END)[0]
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if not captions:
            break
    finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True)]
    return best_caption(finished, alpha)


# expects: 20.4: cut captions are forgotten
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.nonzero(words != END)[0]
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if not captions:
            break
    return best_caption(finished, alpha)


# expects: 20.4: the first to end wins
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.nonzero(words != END)[0]
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if finished:
            return best_caption(finished, alpha)
    finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True)]
    return best_caption(finished, alpha)


# expects: 20.4: two beginnings share one list
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [captions[parent] for parent in parents]
        for caption, word in zip(captions, words, strict=True):
            caption.append(int(word))
        finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.nonzero(words != END)[0]
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if not captions:
            break
    finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True)]
    return best_caption(finished, alpha)


# expects: 20.4: the beam shrinks
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B - len(finished))
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.nonzero(words != END)[0]
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if not captions or len(finished) == B:
            break
    finished += [(caption[1:], logp) for caption, logp in zip(captions, sums, strict=True)]
    return best_caption(finished, alpha)


# expects: 20.4: START counts as a word
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[START]], np.zeros(1), []
    for _ in range(max_length):
        state, log_p = step(state, np.array([caption[-1] for caption in captions]))
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        finished += [(caption, logp) for caption, logp in zip(captions, sums, strict=True) if caption[-1] == END]
        onward = np.nonzero(words != END)[0]
        captions, sums = [captions[i] for i in onward], sums[onward]
        state = tuple(array[parents[onward]] for array in state)
        if not captions:
            break
    finished += [(caption, logp) for caption, logp in zip(captions, sums, strict=True)]
    return best_caption(finished, alpha)


# expects: 20.4: the states are not their parents'
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[] for _ in range(B)], np.array([0.0] + [-np.inf] * (B - 1)), []
    words = np.full(B, START)
    state = tuple(np.repeat(array, B, axis=0) for array in state)
    for _ in range(max_length):
        state, log_p = step(state, words)
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [captions[parent] + [int(word)] for parent, word in zip(parents, words, strict=True)]
        for row in range(B):
            if words[row] == END and sums[row] > -np.inf:
                finished.append((captions[row], sums[row]))
                sums[row] = -np.inf
        if np.all(sums == -np.inf):
            break
    finished += [(captions[row], sums[row]) for row in range(B) if sums[row] > -np.inf]
    return best_caption(finished, alpha)


# expects: 20.4: the words are not their parents'
def beam_search(step, state, B, max_length, alpha):
    captions, sums, finished = [[] for _ in range(B)], np.array([0.0] + [-np.inf] * (B - 1)), []
    words = np.full(B, START)
    state = tuple(np.repeat(array, B, axis=0) for array in state)
    for _ in range(max_length):
        state, log_p = step(state, words)
        sums, parents, words = best_continuations(sums, log_p, B)
        captions = [[*caption, int(word)] for caption, word in zip(captions, words, strict=True)]
        state = tuple(array[parents] for array in state)
        for row in range(B):
            if words[row] == END and sums[row] > -np.inf:
                finished.append((captions[row], sums[row]))
                sums[row] = -np.inf
        if np.all(sums == -np.inf):
            break
    finished += [(captions[row], sums[row]) for row in range(B) if sums[row] > -np.inf]
    return best_caption(finished, alpha)
