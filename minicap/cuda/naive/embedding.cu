// The steps that led to ../embedding.cu, the gradient of an embedding: row w is the sum of dy where the word is w.
//
// dy: (M, E) float32; words: (M,) int64; total: (V, E). These kernels are for slides and tests: the library never
// launches them.

// Version 1: one thread for each number of dy, which it adds to the row of its word. Two threads may want to add to the
// same number at the same time, so the addition has to be atomic. That costs twice. Threads queue where a word is
// frequent, and every caption has an "a"; and they add in the order in which they happen to arrive, so the last digits
// differ from run to run. Besides, `total` has to be filled with zeros first, by a launch of its own.
extern "C" __global__ void segment_sum_v1(const float* dy, const long long* words, float* total, int M, int E)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= M * E)
        return;
    const int m = index / E, e = index % E;
    atomicAdd(&total[words[m] * E + e], dy[index]);
}

// Version 2: one thread for each number of the result, which collects what belongs to it. Gained: every number has one
// writer, so there are no atomics, the order of addition is that of the batch, and nothing has to be zeroed. Lost: each
// of the V · E threads reads all M words, of which few are its own.
extern "C" __global__ void segment_sum_v2(const float* dy, const long long* words, float* total, int M, int V, int E)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= V * E)
        return;
    const int word = index / E, e = index % E;
    float sum = 0;
    for (int m = 0; m < M; ++m)
        if (words[m] == word)
            sum += dy[(size_t)m * E + e];
    total[index] = sum;
}

// Final version, ../embedding.cu: the 128 threads of a block share one word and search for it together. Each reads
// every 128th entry of `words`, and a ballot tells all of them where the word was found: an entry is read once for 128
// columns of the result, not once for each of them.
